# Completion of scopegrad for bash (and zsh: autoload -U bashcompinit && bashcompinit, then source this file).
# Nothing is written twice: commands, options and keys are read from the program itself, which answers in 10 ms.
_scopegrad_commands() { scopegrad --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'; }

_scopegrad_options() {
    scopegrad "$1" --help | awk '/^Options:/ { on = 1; next } /^$/ { on = 0 }
        on { for (i = 1; i <= 2; i++) { sub(/,$/, "", $i); if ($i ~ /^--?[a-z]/) print $i } }'
}

# "camera.adc=" for the keys, "camera.adc=uniform" for the words of a key that has some.
_scopegrad_keys() {
    scopegrad info --keys | awk -F ' *[|] *' -v typed="$1" '/^[|] `/ {
        key = $2; gsub(/`/, "", key)
        if (index(typed, key "=") != 1) { print key "="; next }
        words = $3 == "word" ? $5 : $3 == "true/false" ? "true, false" : ""
        count = split(words, word, ", *")
        for (i = 1; i <= count; i++) print key "=" word[i] }'
}

_scopegrad() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    # readline splits at "=": KEY = WORD are three words of the line
    if [[ $word == = ]]; then word=$before=; before=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $before == = ]]; then word=${COMP_WORDS[COMP_CWORD - 2]}=$word; before=${COMP_WORDS[COMP_CWORD - 3]}; fi
    COMPREPLY=()
    if [[ $COMP_CWORD == 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_scopegrad_commands) --help --version" -- "$word")
    elif [[ $before == --set ]]; then
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$(_scopegrad_keys "$word")" -- "$word")
        # what stands before "=" is on the line already
        [[ $word == *=* && $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#*=}")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_scopegrad_options "$command")" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _scopegrad scopegrad
