using System.Text.Json;
using HostService.Tests.Support;

namespace HostService.Tests.Vm;

/// <summary>
/// The installed unit under systemd, with uinput, AppArmor, Docker and a metadata service that insists on tokens. The tests share one VM
/// and may run in any order: each starts the service if it needs it, and leaves no mandelbox.
/// </summary>
[Collection(VmCollection.Name)]
public sealed class InstalledUnitTests(Machine machine) : IClassFixture<Machine>
{
    /// <summary>For what the service does: the machine is emulated.</summary>
    private static readonly TimeSpan SlowTimeout = TimeSpan.FromMinutes(2);

    /// <summary>For what starts the binary several times.</summary>
    private static readonly TimeSpan VerySlowTimeout = TimeSpan.FromMinutes(6);

    [VmFact]
    public async Task The_unit_gets_ready_and_shows_its_status_in_one_line()
    {
        await ServiceAsync();

        var shown = await machine.MustAsync(
            """
            until systemctl status --no-pager host-service | tee /tmp/status | grep 'Status: "0 mandelboxes, 4 of 4 slots free"$' >/dev/null; do sleep 1; done
            cat /tmp/status
            """,
            SlowTimeout);

        Assert.Contains("Active: active (running)", shown, StringComparison.Ordinal);
        var log = await machine.MustAsync("journalctl -u host-service --no-pager -o cat");
        Assert.Contains("host-service ready on https://", log, StringComparison.Ordinal);
    }

    [VmFact]
    public async Task The_identity_comes_from_the_metadata_service_with_tokens_required()
    {
        await ServiceAsync();

        Assert.Equal(
            "401", await machine.MustAsync("curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/instance-id"));
        var host = await machine.MustAsync("curl -fsk https://127.0.0.1:4678/v1/host");

        string[] values =
            ["host-under-test-by-tag", "i-0123456789abcdef0", "g4dn.xlarge", "ami-0f0f0f0f0f0f0f0f0", "us-east-1", "203.0.113.7"];
        Assert.All(values, value => Assert.Contains($"\"{value}\"", host, StringComparison.Ordinal));
    }

    [VmFact]
    public async Task A_mandelbox_is_confined_by_the_profile()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("confined");

        Assert.Equal(
            "mandelbox-apparmor-profile (enforce)",
            await machine.MustAsync($"cat /proc/$(docker inspect -f '{{{{.State.Pid}}}}' {mandelbox.Container})/attr/current"));
    }

    [VmFact]
    public async Task A_sandbox_and_a_FUSE_mount_work_inside_a_mandelbox_and_what_reaches_into_the_kernel_does_not()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("seccomp");
        var inside = $"docker exec {mandelbox.Container} busybox";

        // In namespaces of its own, as an unprivileged program does it. busybox's unshare would change the propagation of all mounts, and
        // AppArmor allows mounts of FUSE only; so the VM's is brought inside. The mount waits for a server that never comes.
        await machine.MustAsync(
            $"""
            for file in /usr/bin/unshare /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6; do
              docker exec -i {mandelbox.Container} busybox sh -c "cat >/tmp/$(basename $file); chmod 755 /tmp/$(basename $file)" <$file
            done
            """);
        const string Unshare =
            "/tmp/ld-linux-x86-64.so.2 --library-path /tmp /tmp/unshare -Urm --propagation unchanged busybox";
        Assert.Equal("0", await machine.MustAsync($"{inside} unshare -Ur true; echo $?"));
        Assert.Equal(
            "fuse",
            await machine.MustAsync(
                $$"""
                docker exec {{mandelbox.Container}} {{Unshare}} sh -c '
                  mkdir -p /tmp/mnt; exec 3<>/dev/fuse
                  mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /tmp/mnt
                  while read -r _ at type _; do [ $at != /tmp/mnt ] || echo $type; done </proc/mounts; umount -l /tmp/mnt'
                """));
        Assert.NotEqual(0, (await machine.RunAsync($"docker exec {mandelbox.Container} {Unshare} mount -t tmpfs none /tmp 2>&1")).Code);

        foreach (var (program, user) in new[]
        {
            (SystemCallProgram.Build(SystemCallProgram.KeyctlNumber), "0"),
            (SystemCallProgram.Build(SystemCallProgram.BpfNumber), "0"),

            // PTRACE_ATTACH to the first process, which is root's.
            (SystemCallProgram.Build(SystemCallProgram.PtraceNumber, 16, 1), "65534"),
        })
        {
            Assert.Equal(
                $"{SystemCallProgram.NotPermitted}",
                await machine.MustAsync(
                    $"""
                    printf {Convert.ToHexStringLower(program)} | docker exec -i {mandelbox.Container} \
                      busybox sh -c 'xxd -r -p >/tmp/call; chmod 755 /tmp/call'
                    docker exec -u {user} {mandelbox.Container} /tmp/call; echo $?
                    """));
        }

        Assert.Equal(
            "4096",
            await machine.MustAsync(
                $$$"""
                pid=$(docker inspect -f '{{.State.Pid}}' {{{mandelbox.Container}}})
                cat /sys/fs/cgroup/$(cut -d: -f3 /proc/$pid/cgroup)/pids.max
                """));
        Assert.Equal("local", await machine.MustAsync($"docker inspect -f '{{{{.HostConfig.LogConfig.Type}}}}' {mandelbox.Container}"));
    }

    [VmFact]
    public async Task Pointer_and_key_of_whoever_takes_the_descriptors_arrive_inside_the_mandelbox()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("input");

        // As B13 orders them: absolute, relative, keyboard.
        var nodes = await NodesAsync(mandelbox);
        Assert.Equal(3, nodes.Count);
        Assert.Equal(3, nodes.Distinct().Count());
        Assert.Equal(
            ["Fractal Virtual Absolute Input", "Fractal Virtual Relative Input", "Fractal Virtual Keyboard"],
            (await machine.MustAsync(
                $"for n in {string.Join(' ', nodes.Select(Path.GetFileName))}; do cat /sys/class/input/$n/device/name; done")).Split('\n'));
        Assert.Equal(
            string.Join('\n', nodes.Order(StringComparer.Ordinal)),
            await machine.MustAsync(NodesInside(mandelbox.Container)));

        // For each device: identity and properties, then its keys, relative and absolute axes as bits in hexadecimal, highest word first.
        var words = string.Concat(Enumerable.Repeat(new string('f', 16) + " ", 10));
        Assert.Equal(
            [
                "0003 f4c1 1124 0001 1 / c01 0 0 0 0 0 / 0 / 3",
                "0003 f4c1 1123 0001 0 / 1f0000 0 0 0 0 / 1943 / 0",
                $"0003 f4c1 1122 0001 0 / 7{new string('f', 15)} {words}{new string('f', 15)}e / 0 / 0",
            ],
            (await machine.MustAsync(
                $$"""
                for n in {{string.Join(' ', nodes.Select(Path.GetFileName))}}; do
                  cd /sys/class/input/$n/device
                  echo $(cat id/bustype id/vendor id/product id/version properties) \
                    / $(cat capabilities/key) / $(cat capabilities/rel) / $(cat capabilities/abs)
                done
                """)).Split('\n'));

        await AssertReportsArriveAsync(mandelbox, nodes);
    }

    [VmFact]
    public async Task Devices_made_for_the_agent_are_real_and_go_with_the_container_that_it_made()
    {
        const string Ask = "curl -fsSk -d @- https://127.0.0.1:4678";
        await ServiceAsync();
        var made = await machine.MustAsync($"{Ask}/create_uinput_devices", SlowTimeout, """{"auth_secret":"","fractal_id":"agent"}""");
        using var answer = JsonDocument.Parse(made);
        using var devices = JsonDocument.Parse(answer.RootElement.GetProperty("result").GetString()!);
        var nodes = devices.RootElement.EnumerateArray().Select(d => d.GetProperty("path_on_host").GetString()!).ToList();
        Assert.Equal(3, nodes.Distinct().Count());
        Assert.All(devices.RootElement.EnumerateArray(), d =>
        {
            Assert.Equal(d.GetProperty("path_on_host").GetString(), d.GetProperty("path_in_container").GetString());
            Assert.Equal("rwm", d.GetProperty("cgroup_permissions").GetString());
        });
        Assert.Equal("3", await machine.MustAsync(Devices));

        // As the agent does: create a container with the devices, register it, start it.
        var container = await machine.MustAsync(
            $"""
            docker create --tty {string.Join(' ', nodes.Select(n => $"--device {n}:{n}:rwm"))} -p 32262/tcp \
              -v /fractal/agent/containerResourceMappings:/fractal/resourceMappings fractal/mandelboxes/demo:current-build
            """,
            SlowTimeout);
        var registration = $$"""{"auth_secret":"","docker_id":"{{container}}","fractal_id":"agent"}""";
        await machine.MustAsync($"{Ask}/register_docker_container_id", SlowTimeout, registration);
        await machine.MustAsync(
            $"""
            docker start {container}
            until curl -fsSk https://127.0.0.1:4678/v1/mandelboxes/agent | grep -q '"state":"Started"'; do sleep 1; done
            """,
            SlowTimeout);
        var port = await machine.MustAsync($"docker port {container} 32262/tcp | sed 's/.*://;q'");
        await machine.MustAsync($"{Ask}/set_container_dpi -X PUT", SlowTimeout, $$"""{"auth_secret":"","host_port":{{port}},"dpi":96}""");
        const string Mappings = "echo $(busybox cat DPI) $(busybox cat hostPort_for_my_32262_tcp) $(busybox cat .ready)";
        Assert.Equal(
            $"96 {port} .ready",
            await machine.MustAsync($"docker exec {container} busybox sh -c 'cd /fractal/resourceMappings; {Mappings}'"));
        Assert.Equal(string.Join('\n', nodes.Order(StringComparer.Ordinal)), await machine.MustAsync(NodesInside(container)));

        await machine.MustAsync($"docker kill {container}; {UntilGone("agent")}", SlowTimeout);
        Assert.Equal("0", await machine.MustAsync(Devices));

        // The agent removes it.
        Assert.Equal(container, await machine.MustAsync($"docker rm {container}"));
        Assert.Equal("", await machine.MustAsync(ContainersButSandboxes));
    }

    [VmFact]
    public async Task The_absolute_pointer_is_a_mouse_and_no_tablet_to_udev()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("udev");

        var properties = await machine.MustAsync(
            """
            udevadm settle
            for d in /sys/class/input/event*; do
              if [ "$(cat $d/device/name)" = 'Fractal Virtual Absolute Input' ]; then udevadm info -q property $d; fi
            done
            """);

        Assert.Contains("ID_INPUT_MOUSE=1", properties, StringComparison.Ordinal);
        Assert.DoesNotContain("ID_INPUT_TABLET=1", properties, StringComparison.Ordinal);
    }

    [VmFact]
    public async Task A_mandelbox_reaches_the_outside_and_not_the_metadata_addresses()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("firewall");

        // The host answers at the bridge's address. The metadata address, which is the host's own here too, does not answer.
        var answers = await machine.RunAsync(
            $"""
            connects() {"{"} docker exec {mandelbox.Container} busybox timeout 3 busybox nc -w 2 $1 $2 </dev/null >/dev/null 2>&1; {"}"}
            ask() {"{"} connects $1 $2 && echo $1 yes || echo $1 no; {"}"}
            ask 172.17.0.1 22; ask 169.254.169.254 80; ask 169.254.170.2 80
            """);

        Assert.Equal("172.17.0.1 yes\n169.254.169.254 no\n169.254.170.2 no", answers.Output);
        Assert.Equal("200", await machine.MustAsync(
            """
            t=$(curl -fs -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
            curl -s -o /dev/null -w '%{http_code}' -H "X-aws-ec2-metadata-token: $t" http://169.254.169.254/latest/meta-data/ami-id
            """));
        Assert.Matches(
            @"(?m)^\s*[1-9]\d*\s+\d+ DROP .* 169\.254\.169\.254",
            await machine.MustAsync("iptables -w -t raw -L HOST-SERVICE -v -n -x"));
    }

    [VmFact]
    public async Task Firewall_rules_that_somebody_flushes_are_loaded_again_by_the_service()
    {
        await ServiceAsync();
        const string Rule = "-A HOST-SERVICE -d 127.0.0.0/8 -j DROP";
        Assert.Contains(Rule, await machine.MustAsync("iptables -w -t raw -S"), StringComparison.Ordinal);

        await machine.MustAsync(
            """
            loads() { journalctl -u host-service --no-pager -o cat | grep -c 'Firewall rules were missing and are loaded again'; }
            before=$(loads)
            iptables -w -t raw -F
            until [ "$(loads)" -gt "$before" ]; do sleep 1; done
            """,
            SlowTimeout);

        Assert.Contains(Rule, await machine.MustAsync("iptables -w -t raw -S"), StringComparison.Ordinal);
    }

    [VmFact]
    public async Task A_drive_that_is_mounted_by_FUSE_where_the_service_runs_appears_inside_the_mandelbox()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("fuse");
        var inside = $"/fractal/{mandelbox.Id}/userConfigs/unpacked_configs/drive";

        var seen = await machine.MustAsync(
            $"""
            set -e
            pid=$(systemctl show -P MainPID host-service)
            mkdir -p /tmp/drive {inside}
            echo hello >/tmp/drive/file
            nsenter -t $pid -m bindfs /tmp/drive {inside}
            docker exec {mandelbox.Container} busybox cat /fractal/userConfigs/drive/file
            nsenter -t $pid -m umount {inside}
            rmdir {inside}
            """);

        Assert.Equal("hello", seen);
        Assert.Contains("/dev/fuse", await machine.MustAsync($"docker exec {mandelbox.Container} ls /dev/fuse"), StringComparison.Ordinal);
    }

    [VmFact]
    public async Task Stopping_the_unit_leaves_no_container_device_directory_or_rule_behind()
    {
        await ServiceAsync();
        await SpinUpAsync("left1");
        await SpinUpAsync("left2");
        Assert.Equal("6", await machine.MustAsync(Devices));

        // The firewall is taken down after the service has ended.
        await machine.MustAsync(
            """
            systemctl stop host-service
            while [ "$(systemctl show -P ActiveState host-service-firewall)" != inactive ]; do sleep 1; done
            """,
            SlowTimeout);

        Assert.Equal("success", await machine.MustAsync("systemctl show -P Result host-service"));
        Assert.Equal("", await machine.MustAsync("docker ps -aq"));
        Assert.Equal("0", await machine.MustAsync(Devices));
        Assert.Equal("", await machine.MustAsync("ls -d /fractal /fractalprivate 2>/dev/null || true"));
        Assert.Equal("", await machine.MustAsync("iptables-save | grep -i -e HOST-SERVICE -e 32262 -e 32263 -e 32273 || true"));
        Assert.Equal("", await machine.MustAsync("ip6tables-save | grep -i HOST-SERVICE || true"));
        Assert.Equal("", await machine.MustAsync("ss -Htulnp | grep host-service || true"));
    }

    [VmFact]
    public async Task A_service_that_stands_still_is_ended_by_the_watchdog_and_its_leftovers_are_not_walked_over()
    {
        await machine.MustAsync("systemctl stop host-service", SlowTimeout);
        await machine.MustAsync(
            """
            mkdir -p /run/systemd/system/host-service.service.d
            printf '[Service]\nWatchdogSec=15\n' >/run/systemd/system/host-service.service.d/watchdog.conf
            systemctl daemon-reload
            """);
        try
        {
            await ServiceAsync();

            // Returns when the unit has ended.
            var ended = machine.RunAsync("systemctl start --wait host-service", SlowTimeout);
            await machine.MustAsync("kill -STOP $(systemctl show -P MainPID host-service)");
            await ended;

            Assert.Equal("watchdog", await machine.MustAsync("systemctl show -P Result host-service"));
            Assert.Contains("HOST-SERVICE", await machine.MustAsync("iptables -w -t raw -S PREROUTING"), StringComparison.Ordinal);

            // The last run did not end cleanly (B4).
            Assert.NotEqual(0, (await machine.RunAsync("systemctl start host-service", SlowTimeout)).Code);
            Assert.Equal("3", await machine.MustAsync("systemctl show -P ExecMainStatus host-service"));
            var log = await machine.MustAsync("journalctl -u host-service --no-pager -o cat -n 100");
            Assert.Contains("/fractal is already there", log, StringComparison.Ordinal);

            // Said by the unit's ExecStopPost=, because the service could not.
            Assert.Matches(@"The service ends \(Killed\): killed by SIG[A-Z]+ \(watchdog\)", log);
        }
        finally
        {
            await machine.MustAsync(
                """
                rm -rf /run/systemd/system/host-service.service.d /fractal /fractalprivate
                systemctl daemon-reload
                systemctl reset-failed host-service
                """);
        }
    }

    [VmFact]
    public async Task A_mandelbox_and_its_input_outlive_a_rollout_of_their_fleet_one_that_is_put_back_and_a_crash()
    {
        await using var fleet = new Fleet(machine);
        await JoinFleetAsync();
        await machine.MustAsync("host-service fleet place --app mandelboxes/demo --id kept", SlowTimeout);
        await using var mandelbox = new Mandelbox(machine, "kept");
        var before = await RunningAsync(mandelbox);
        var nodes = await NodesAsync(mandelbox);
        const string RelayProcess = "systemctl show -P MainPID host-service-relay";
        var relay = await machine.MustAsync(RelayProcess);

        // The same program but for its number, and one that does not start.
        var version = await machine.MustAsync(
            """
            set -e
            line=$(host-service version)
            old=$(echo "$line" | cut -d ' ' -f 2) commit=$(echo "$line" | sed 's/.*(\(.*\)).*/\1/')
            new=9${old#?}
            mkdir -p /var/lib/host-service/releases
            cd /var/lib/host-service/releases
            LC_ALL=C sed "s/$old+$commit/$new+$commit/g" /share/build/host-service >host-service-$new
            printf '#!/bin/sh\n[ "$1" = version ] && echo host-service 8.0 && exit\nexit 7\n' >host-service-8.0
            chmod 755 host-service-*
            echo $new
            """,
            SlowTimeout);
        var rolledOut = await machine.MustAsync($"host-service fleet rollout --to '{version}' --wait 2>&1", VerySlowTimeout);
        Assert.Contains($"{version}: done, 1 of 1 hosts have it", rolledOut, StringComparison.Ordinal);
        Assert.StartsWith($"host-service {version} ", await machine.MustAsync("host-service version"), StringComparison.Ordinal);
        Assert.Equal(before, await RunningAsync(mandelbox));
        Assert.Equal("3", await machine.MustAsync(Devices));
        await AssertReportsArriveAsync(mandelbox, nodes);
        Assert.NotEqual(relay, await machine.MustAsync(RelayProcess));
        Assert.Equal("", await machine.MustAsync("journalctl -u host-service-relay --no-pager -o cat | grep '^fail:' || true"));

        var halted = await machine.RunAsync("host-service fleet rollout --to 8.0 --wait 2>&1", VerySlowTimeout);
        Assert.True(halted.Code == 1, $"{halted.Code}: {halted.Output}");
        Assert.Matches("8.0: halted.*the new version is not ready: it ended with exit code 7.*the old version is ready again", halted.Output);
        Assert.StartsWith($"host-service {version} ", await machine.MustAsync("host-service version"), StringComparison.Ordinal);
        Assert.Equal(before, await RunningAsync(mandelbox));

        await machine.MustAsync(
            """
            kill -9 $(systemctl show -P MainPID host-service)
            while [ "$(systemctl show -P ActiveState host-service)" != failed ]; do sleep 1; done
            systemctl start host-service
            """,
            VerySlowTimeout);
        Assert.Equal(before, await RunningAsync(mandelbox));
    }

    [VmFact]
    public async Task Each_reload_of_systemd_changes_what_the_service_compares()
    {
        const string asked = "systemctl show --property=UnitsLoadTimestampMonotonic --value";
        var before = await machine.MustAsync(asked);
        Assert.Equal(before, await machine.MustAsync(asked));

        await machine.MustAsync("systemctl daemon-reload");

        Assert.Matches("^[0-9]+$", before);
        Assert.NotEqual(before, await machine.MustAsync(asked));
    }

    [VmFact]
    public async Task An_installation_that_would_take_the_gpus_from_mandelboxes_is_refused_unless_it_is_forced()
    {
        await ServiceAsync();
        await using var mandelbox = await SpinUpAsync("reload");
        await machine.MustAsync("touch /dev/nvidiactl");
        try
        {
            Assert.Equal("systemd", await machine.MustAsync("docker info --format '{{.CgroupDriver}}'"));
            var refused = await machine.RunAsync("/share/deploy/install.sh install 2>&1", SlowTimeout);
            Assert.Equal(1, refused.Code);
            Assert.Contains("mandelboxes run, and would lose their GPUs", refused.Output, StringComparison.Ordinal);

            await machine.MustAsync("FORCE=1 /share/deploy/install.sh install", SlowTimeout);
        }
        finally
        {
            await machine.MustAsync("rm /dev/nvidiactl");
        }
    }

    [VmFact]
    public async Task The_modules_and_nodes_of_nvidias_driver_are_there_before_the_service_starts()
    {
        await machine.MustAsync("systemctl stop host-service", SlowTimeout);
        await machine.MustAsync(
            """
            printf '#!/bin/sh\necho "nvidia-modprobe $*"\n' >/usr/local/bin/nvidia-modprobe
            chmod 755 /usr/local/bin/nvidia-modprobe
            """);
        try
        {
            await ServiceAsync();

            Assert.Equal("success", await machine.MustAsync("systemctl show --property=Result --value host-service-gpu"));
            var log = await machine.MustAsync("journalctl --no-pager -o cat -u host-service-gpu -u host-service");
            var made = log.LastIndexOf("nvidia-modprobe -u -c 0", StringComparison.Ordinal);
            Assert.InRange(made, 0, log.LastIndexOf("environment LOCALDEV", StringComparison.Ordinal));
        }
        finally
        {
            await machine.MustAsync("rm /usr/local/bin/nvidia-modprobe");
        }
    }

    [VmFact]
    public async Task An_engine_that_crashes_is_started_again_and_the_service_lives_on()
    {
        await ServiceAsync();
        var before = await machine.MustAsync("systemctl show -P MainPID host-service");
        await SpinUpAsync("lost");

        // The service starts the engine again. Without live-restore the engine's containers died with it, so the lease is given back.
        await machine.MustAsync(
            """
            kill -9 $(systemctl show -P MainPID docker)
            while [ "$(systemctl show -P ActiveState docker)" != active ]; do sleep 1; done
            """,
            SlowTimeout);
        await machine.MustAsync(UntilGone("lost"), SlowTimeout);

        Assert.Equal(before, await machine.MustAsync("systemctl show -P MainPID host-service"));
        Assert.Equal("", await machine.MustAsync(ContainersButSandboxes));
        await using var next = await SpinUpAsync("next");
    }

    [VmFact]
    public async Task A_clock_that_is_set_back_an_hour_and_forward_again_ends_no_session_and_hides_no_end()
    {
        await ServiceAsync();
        await using var stays = await SpinUpAsync("stays");
        await SpinUpAsync("ends");
        var process = await RunningAsync(stays);

        await machine.MustAsync("date -s '1 hour ago'");
        try
        {
            await machine.MustAsync("docker kill mandelboxes-demo-ends && " + UntilGone("ends"), SlowTimeout);
            await SpinUpAsync("later");
            Assert.Equal(process, await RunningAsync(stays));
            await machine.MustAsync(
                "until curl -fsSko /dev/null https://127.0.0.1:4678/readyz; do sleep 1; done; host-service ps; host-service explain stays",
                SlowTimeout);
        }
        finally
        {
            await machine.MustAsync("date -s '1 hour'");
        }

        await machine.MustAsync("docker kill mandelboxes-demo-later && " + UntilGone("later"), SlowTimeout);
        Assert.Equal(process, await RunningAsync(stays));
    }

    private const string ContainersButSandboxes = "docker ps -a --format '{{.Names}}' | grep -v '^host-service-sandbox-' || true";

    private const string Devices = "cat /sys/class/input/event*/device/name | grep -c '^Fractal Virtual' || true";

    private static string NodesInside(string container) =>
        $"docker exec {container} ls -1 /dev/input | grep event | sed 's|^|/dev/input/|' | LC_ALL=C sort";

    /// <summary>The process of a mandelbox that the service calls running.</summary>
    private async Task<string> RunningAsync(Mandelbox mandelbox)
    {
        Assert.Contains(
            "\"state\":\"Running\"",
            await machine.MustAsync($"curl -fsSk https://127.0.0.1:4678/v1/mandelboxes/{mandelbox.Id}"),
            StringComparison.Ordinal);
        return await machine.MustAsync($"docker inspect -f '{{{{.State.Pid}}}}' {mandelbox.Container}");
    }

    private static string UntilGone(string id) =>
        $"while curl -fsSk https://127.0.0.1:4678/v1/mandelboxes | grep -q '\"{id}\"'; do sleep 1; done";

    private async Task<IReadOnlyList<string>> NodesAsync(Mandelbox mandelbox)
    {
        var devices = await machine.MustAsync(
            $"docker inspect -f '{{{{range .HostConfig.Devices}}}}{{{{println .PathInContainer}}}}{{{{end}}}}' {mandelbox.Container}");
        return [.. devices.Split('\n').Where(n => n.StartsWith("/dev/input/event", StringComparison.Ordinal))];
    }

    /// <summary>What a client of the socket writes to the devices arrives at readers inside the mandelbox.</summary>
    /// <param name="nodes">Absolute, relative, keyboard.</param>
    private async Task AssertReportsArriveAsync(Mandelbox mandelbox, IReadOnlyList<string> nodes)
    {
        // Readers inside the container first, then the descriptors from the socket. A reader says when it has opened its device, and ends
        // after its report.
        var seen = await machine.MustAsync(
            $$"""
            set -e
            rm -f /tmp/readers
            mkfifo /tmp/readers
            exec 3<>/tmp/readers
            for n in {{string.Join(' ', nodes)}}; do
              docker exec {{mandelbox.Container}} busybox sh -c "exec <$n; echo open >&2; exec busybox dd bs=24 count=2 2>/dev/null" \
                2>&3 >/tmp/$(basename $n) &
            done
            for n in {{string.Join(' ', nodes)}}; do
              read -r said <&3
              [ "$said" = open ] || { echo "$n: $said" >&2; exit 1; }
            done
            echo go | uinput-client /fractal/temp/{{mandelbox.Id}}/sockets/uinput.sock >/dev/null
            wait
            read='import struct,sys; d=sys.stdin.buffer.read(); print(*(struct.unpack_from("llHHi", d, i)[2:] for i in range(0, len(d), 24)))'
            for n in {{string.Join(' ', nodes)}}; do python3 -c "$read" </tmp/$(basename $n); done
            """,
            SlowTimeout);

        Assert.Equal(["(3, 0, 1234) (3, 1, 567)", "(2, 0, 5) (2, 1, -3)", "(1, 30, 1) (0, 0, 0)"], seen.Split('\n'));
    }

    /// <summary>Starts the unit if it does not run.</summary>
    private async Task ServiceAsync()
    {
        var started = await machine.RunAsync("systemctl start host-service", SlowTimeout);
        if (started.Code != 0)
        {
            throw new InvalidOperationException(await machine.MustAsync("systemctl status --no-pager -n 60 host-service || true"));
        }
    }

    /// <summary>Starts a fleet on the host's machine, and the host again: as its only one, and one that takes mandelboxes over.</summary>
    private async Task JoinFleetAsync()
    {
        await machine.MustAsync(
            """
            set -e
            printf 'APP_ENV=LOCALDEV\n' >/etc/host-service/fleet.environment
            settings='Host__OnLeftovers=reattach Host__InstanceName=host-under-test-by-tag'
            settings="$settings Orleans__ExternalClients=true Relay__Fleet=https://127.0.0.1:4680"
            for unit in host-service host-service-relay; do
              mkdir -p /run/systemd/system/$unit.service.d
              printf '[Service]\nEnvironment=%s\n' "$settings" >/run/systemd/system/$unit.service.d/fleet.conf
            done
            systemctl daemon-reload
            systemctl stop host-service
            systemctl start host-service-fleet
            """,
            SlowTimeout);
        await ServiceAsync();
        await machine.MustAsync(
            """
            systemctl start host-service-relay
            for i in $(seq 100); do
              curl -fsk https://127.0.0.1:4680/v1/fleet/hosts | grep '"status":"Active"' | grep '"notReady":\[\]' | grep -vq '"away":"' && exit
              sleep 1
            done
            systemctl status --no-pager -n 60 host-service-relay host-service-fleet >&2
            exit 1
            """,
            VerySlowTimeout);
    }

    private async Task<Mandelbox> SpinUpAsync(string id)
    {
        var body = $$"""
            {"app_name":"mandelboxes/demo","config_encryption_token":"0123456789","jwt_access_token":"","mandelbox_id":"{{id}}","session_id":1}
            """;
        var answer = await machine.MustAsync("curl -fsSk -X PUT -d @- https://127.0.0.1:4678/spin_up_mandelbox", SlowTimeout, body);
        using var json = JsonDocument.Parse(answer);
        Assert.InRange(json.RootElement.GetProperty("result").GetProperty("port_32262").GetInt32(), 1025, 49150);
        return new Mandelbox(machine, id);
    }

    /// <summary>Ends the fleet and its rollouts' traces when it is disposed of.</summary>
    private sealed class Fleet(Machine machine) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await machine.MustAsync(
            """
            systemctl stop host-service-relay host-service-fleet host-service
            systemctl reset-failed
            rm -rf /run/systemd/system/host-service*.service.d /etc/host-service/fleet.environment /var/lib/host-service
            cp --remove-destination /share/build/host-service /usr/local/bin/host-service
            rm -f /usr/local/bin/host-service.old
            systemctl daemon-reload
            """,
            SlowTimeout);
    }

    private sealed class Mandelbox(Machine machine, string id) : IAsyncDisposable
    {
        public string Id => id;

        public string Container => $"mandelboxes-demo-{id}";

        /// <remarks>Says nothing where the service is down: the assertion that failed says more.</remarks>
        public async ValueTask DisposeAsync() => await machine.MustAsync(
            $"! systemctl is-active --quiet host-service || curl -fsSk -X DELETE https://127.0.0.1:4678/v1/mandelboxes/{id}");
    }
}
