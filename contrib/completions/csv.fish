# fish completion; put it into ~/.config/fish/completions/csv.fish

function __csv_services
    set -l dir /etc/csv
    set -q CSV_SCAN_DIR; and set dir $CSV_SCAN_DIR
    for folder in $dir/*/
        basename $folder
    end
end

set -l commands scan status logs check run svc svstat svok syslogd forward
complete -c csv -f
complete -c csv -n "not __fish_seen_subcommand_from $commands" -a scan -d 'supervise a directory'
complete -c csv -n "not __fish_seen_subcommand_from $commands" -a status -d 'show every service'
complete -c csv -n "not __fish_seen_subcommand_from $commands" -a logs -d 'show a log'
complete -c csv -n "not __fish_seen_subcommand_from $commands" -a check -d 'is a folder right?'
complete -c csv -n "not __fish_seen_subcommand_from $commands" -a run -d 'run one container'
complete -c csv -n "not __fish_seen_subcommand_from $commands" -a 'svc svstat svok syslogd forward'
complete -c csv -n "__fish_seen_subcommand_from status logs svc svstat svok" -a '(__csv_services)'
complete -c csv -n "__fish_seen_subcommand_from status check logs" -l json -d 'for programs'
complete -c csv -n "__fish_seen_subcommand_from logs" -s f -d follow
complete -c csv -n "__fish_seen_subcommand_from logs" -s n -x -d 'last lines'
complete -c csv -n "__fish_seen_subcommand_from logs" -l raw -d 'what was written, alone'
complete -c csv -n "__fish_seen_subcommand_from logs" -l since -x -d 'from then on'
complete -c csv -n "__fish_seen_subcommand_from logs" -l until -x -d 'up to then'
complete -c csv -n "__fish_seen_subcommand_from logs" -l grep -x -d 'lines with it'
complete -c csv -n "__fish_seen_subcommand_from logs" -l stderr -d 'only standard error'
complete -c csv -n "__fish_seen_subcommand_from logs" -l launch -x -d 'of this launch'
complete -c csv -n "__fish_seen_subcommand_from logs" -l rotate -d 'begin new files'
complete -c csv -n "__fish_seen_subcommand_from check scan" -a '(__fish_complete_directories)'
complete -c csv -n "__fish_seen_subcommand_from run" -F

for program in svc svstat svok
    complete -c $program -f -a '(__csv_services)'
end
complete -c svc -s u -d up
complete -c svc -s d -d down
complete -c svc -s o -d once
complete -c svc -s x -d 'exit when down'
complete -c svc -s t -d TERM
complete -c svc -s k -d KILL
complete -c svc -s w -x -d 'wait for it'
