/* test_slurm.c - a sweep as a job array on a real Slurm of one node, whose daemons run in the test's own folder as the
 * user who tests: the same runs as a plain sweep, also when tasks are stopped and the job is submitted again. Skipped
 * where Slurm (Debian: slurm-wlm, munge) is not installed or does not start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"
#include "sweep_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char start[] =
    "cd \"$0\" || exit 1; export PATH=$PATH:/usr/sbin:/sbin; D=$(pwd -P); U=$(id -un); H=$(hostname -s); P=$1\n"
    "command -v sbatch slurmctld slurmd munged > /dev/null || exit 2\n"
    "dd if=/dev/urandom of=munge.key bs=1024 count=1 2> /dev/null; chmod 400 munge.key; mkdir -p state spool\n"
    "cat > slurm.conf << END\n"
    "ClusterName=test\nSlurmctldHost=$H(127.0.0.1)\nSlurmUser=$U\nSlurmdUser=$U\n"
    "AuthType=auth/munge\nAuthInfo=socket=$D/munge.socket\nStateSaveLocation=$D/state\nSlurmdSpoolDir=$D/spool\n"
    "SlurmctldPidFile=$D/slurmctld.pid\nSlurmdPidFile=$D/slurmd.pid\nSlurmctldLogFile=$D/slurmctld.log\n"
    "SlurmdLogFile=$D/slurmd.log\nSlurmctldPort=$P\nSlurmdPort=$((P + 1))\nProctrackType=proctrack/pgid\n"
    "TaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\n"
    "SelectTypeParameters=CR_Core\nReturnToService=2\nMpiDefault=none\nKillWait=5\n"
    "NodeName=$H NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=1000 State=UNKNOWN\n"
    "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\nEND\n"
    "munged --force --foreground --key-file=$D/munge.key --socket=$D/munge.socket --pid-file=$D/munge.pid "
    "--log-file=$D/munge.log --seed-file=$D/munge.seed > munged.out 2>&1 &\n"
    "echo $! > daemons; export SLURM_CONF=$D/slurm.conf\n"
    "slurmctld -D -f slurm.conf > slurmctld.out 2>&1 &\necho $! >> daemons\n"
    "slurmd -D -f slurm.conf > slurmd.out 2>&1 &\necho $! >> daemons\n"
    "for i in $(seq 150); do sinfo -h -o %t 2> /dev/null | grep -q idle && exit 0; sleep .1; done\n"
    "cat *.out; tail -n 5 slurm*.log; exit 3\n";

/* The daemons are gone before the folder is. */
static int stop(void **state)
{
    (void)place_shell("test -e daemons && kill $(cat daemons); for p in $(cat daemons 2> /dev/null); do for i in $(seq "
                      "100); do kill -0 $p 2> /dev/null || break; sleep .1; done; done; true");
    return place_remove(state);
}

static void need_slurm(void)
{
    char line[256];
    place_put_text("start.sh", start);
    (void)snprintf(line, sizeof line, "sh -c \"$(cat start.sh)\" . %d > start.out 2>&1",
                   20000 + (int)(getpid() % 20000));
    const int code = place_shell(line);
    if (code == 0) return;
    print_message("# skipped: Slurm %s\n", code == 2 ? "is not installed" : "does not start here");
    skip();
}

/* Submits and waits until nothing of the job is left. */
#define SUBMIT "export SLURM_CONF=$PWD/slurm.conf; sbatch job/job.sbatch > id && "
#define WAIT   "for i in $(seq 1200); do test -z \"$(squeue -h)\" && break; sleep .1; done; test -z \"$(squeue -h)\""

static void an_array_makes_the_same_sweep(void **state)
{
    (void)state;
    need_slurm();
    sweep_put(3);
    assert_int_equal(sweep_run("whole", (const char *const[]){"-j", "2", NULL}), 0);
    assert_int_equal(place_run("sweep tiny.yaml -o job --slurm --slurm-tasks 4 --slurm-cores 1"), 0);
    /* the first to start are asked to end, as at the end of their time */
    assert_int_equal(place_shell(SUBMIT
                                 "for i in $(seq 300); do ls job/runs/*.lock > /dev/null 2>&1 && break; sleep .02; "
                                 "done; scancel -b -s TERM $(sed 's/.* //' id); " WAIT),
                     0);
    assert_false(sweep_busy("job"));
    sweep_clean("job", "whole");
    const int done = place_shell("exit $(ls job/runs/*/DONE 2> /dev/null | wc -l)");
    print_message("# %d of 12 runs before the tasks were stopped\n", done);
    assert_true(done < 12);
    assert_int_equal(place_shell(SUBMIT WAIT), 0);
    sweep_same("whole", "job");
    assert_int_equal(place_shell("test $(ls job/slurm-*.out | wc -l) = 4 && grep -q 'interrupted' job/slurm-*.out"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_makes_the_same_sweep),
    };
    return cmocka_run_group_tests(tests, place_make, stop);
}
