# bash completion for csv, svc, svstat, svok and csv-run; source it, or put it into
# /usr/share/bash-completion/completions/csv

_csv_services() {
    local dir=${CSV_SCAN_DIR:-/etc/csv}
    COMPREPLY+=($(cd "$dir" 2>/dev/null && compgen -d -X '.*' -- "$1"))
    case $1 in */*) COMPREPLY+=($(compgen -d -- "$1")) ;; esac
}

_csv_options() {
    local own=
    case $1 in
        status) own='--json --scan-dir --run-dir' ;;
        logs) own='-f --follow -n --lines --json --raw --since --until --grep --stderr --launch --rotate --scan-dir --run-dir --log-dir' ;;
        check) own='--json --scan-dir' ;;
        run | csv-run) own='--run-dir --lib-dir' ;;
        scan) own='--run-dir --lib-dir --log-dir' ;;
        syslogd) own='--run-dir --log-dir' ;;
        forward) own='--run-dir --lib-dir --log-dir' ;;
        svc) own='-u -d -o -p -c -h -a -i -t -k -x -1 -2 -q -w --scan-dir --run-dir' ;;
        svstat | svok) own='--scan-dir --run-dir' ;;
    esac
    COMPREPLY+=($(compgen -W "$own --help" -- "$2"))
}

_csv() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${1##*/}
    COMPREPLY=()
    if [ "$command" = csv ]; then
        if [ "$COMP_CWORD" = 1 ]; then
            COMPREPLY=($(compgen -W 'scan status logs check run svc svstat svok syslogd forward --help
                --version' -- "$word"))
            return
        fi
        command=${COMP_WORDS[1]}
    fi
    case $word in
        -*) _csv_options "$command" "$word" ;;
        *)
            case $command in
                status | logs | svc | svstat | svok) _csv_services "$word" ;;
                check | scan) COMPREPLY=($(compgen -d -- "$word")) ;;
                run | csv-run) COMPREPLY=($(compgen -f -- "$word")) ;;
            esac
            ;;
    esac
}

complete -F _csv csv svc svstat svok csv-run
