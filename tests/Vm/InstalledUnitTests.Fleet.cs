namespace HostService.Tests.Vm;

public sealed partial class InstalledUnitTests
{
    [VmFact]
    public async Task A_rollout_of_a_fleet_upgrades_the_host_under_its_session_by_a_unit_and_a_bad_version_is_taken_back()
    {
        await using var reattach = await ReattachAsync();
        try
        {
            // The fleet is on the host's own machine, so it asks for no certificate.
            await machine.MustAsync(
                """
                set -e
                printf 'APP_ENV=LOCALDEV\n' >/etc/host-service/fleet.environment
                for unit in host-service host-service-relay; do
                  mkdir -p /run/systemd/system/$unit.service.d
                  printf '[Service]\nEnvironment=Orleans__ExternalClients=true Relay__Fleet=https://127.0.0.1:4680 Host__InstanceName=one\n' \
                    >/run/systemd/system/$unit.service.d/fleet.conf
                done
                systemctl daemon-reload
                systemctl start host-service-fleet
                systemctl stop host-service
                """,
                SlowTimeout);
            await ServiceAsync();
            await machine.MustAsync(
                """
                systemctl start host-service-relay
                for i in $(seq 100); do
                  curl -fsSk https://127.0.0.1:4680/v1/fleet/hosts | grep -q '"host"' && exit
                  sleep 1
                done
                systemctl status --no-pager -n 60 host-service-relay host-service-fleet >&2
                exit 1
                """,
                VerySlowTimeout);
            await machine.MustAsync("host-service fleet place --app mandelboxes/demo --id kept", SlowTimeout);
            await using var mandelbox = new Mandelbox(machine, "kept");
            var before = await RunningAsync(mandelbox);

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
            var relay = await machine.MustAsync("systemctl show -P MainPID host-service-relay");

            var rolledOut = await machine.MustAsync($"host-service fleet rollout --to '{version}' --wait 2>&1", VerySlowTimeout);
            Assert.Contains($"{version}: done, 1 of 1 hosts have it", rolledOut, StringComparison.Ordinal);
            Assert.Equal(before, await RunningAsync(mandelbox));
            Assert.StartsWith($"host-service {version} ", await machine.MustAsync("host-service version"), StringComparison.Ordinal);
            Assert.NotEqual(relay, await machine.MustAsync("systemctl show -P MainPID host-service-relay"));

            var halted = await machine.RunAsync("host-service fleet rollout --to 8.0 --wait 2>&1", VerySlowTimeout);
            Assert.True(halted.Code == 1, $"{halted.Code}: {halted.Output}");
            Assert.Matches("8.0: halted.*the new version is not ready: it ended with exit code 7.*the old version is ready again", halted.Output);
            Assert.Equal(before, await RunningAsync(mandelbox));
            Assert.StartsWith($"host-service {version} ", await machine.MustAsync("host-service version"), StringComparison.Ordinal);
            Assert.Equal("", await machine.MustAsync("host-service fleet rollout --abort >/dev/null"));
        }
        finally
        {
            await machine.MustAsync(
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
    }
}
