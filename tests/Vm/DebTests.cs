namespace HostService.Tests.Vm;

/// <summary>
/// The package under dpkg and systemd. The tests share one VM and may run in any order: each installs the package, and leaves none.
/// </summary>
[Collection(VmCollection.Name)]
public sealed class DebTests(PackageMachine machine) : IClassFixture<PackageMachine>, IAsyncLifetime
{
    private const string Installed = "dpkg-query -W -f '${Version} ${db:Status-Status}' host-service";

    /// <summary>For what unpacks the package or starts the binary: the machine is emulated.</summary>
    private static readonly TimeSpan SlowTimeout = TimeSpan.FromMinutes(6);

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Also after a test that failed: the next one finds no package and no mandelbox.</summary>
    public async Task DisposeAsync()
    {
        if (new VmFactAttribute().Skip is null)
        {
            await machine.MustAsync(
                """
                systemctl stop host-service 2>/dev/null
                docker ps -aq --filter label=host-service.mandelbox-id | xargs -r docker rm -f
                ! dpkg-query -W host-service >/dev/null 2>&1 || dpkg -P host-service
                rm -rf /fractal /fractalprivate /run/systemd/system/host-service.service.d
                systemctl daemon-reload
                """,
                SlowTimeout);
        }
    }

    [VmFact]
    public async Task A_fresh_installation_waits_to_be_configured_and_a_purge_leaves_nothing()
    {
        var said = await DpkgAsync($"-i {PackageMachine.First}");

        Assert.Contains(
            "set APP_ENV in /etc/host-service/environment, then: systemctl start host-service", said, StringComparison.Ordinal);
        Assert.Equal("inactive", await machine.MustAsync("systemctl is-active host-service || true"));
        Assert.Equal("enabled\nenabled", await machine.MustAsync("systemctl is-enabled host-service host-service-firewall"));
        var version = (await machine.MustAsync(Installed)).Split(' ')[0];
        Assert.StartsWith(
            $"host-service {version} ", await machine.MustAsync("host-service --version", SlowTimeout), StringComparison.Ordinal);

        await machine.ConfigureAsync();
        await machine.MustAsync("systemctl start host-service", SlowTimeout);
        await DpkgAsync("-r host-service");
        Assert.Equal("inactive", await machine.MustAsync("systemctl is-active host-service || true"));
        Assert.Equal("APP_ENV=LOCALDEV", await machine.MustAsync("grep ^APP_ENV= /etc/host-service/environment"));
        Assert.Equal(
            "",
            await machine.MustAsync("ls -d /usr/bin/host-service* /usr/libexec/host-service /var/cache/host-service 2>/dev/null || true"));

        await DpkgAsync("-P host-service");
        Assert.Equal(
            "",
            await machine.MustAsync(
                """
                find /etc /usr /var/lib/systemd -name '*host-service*' -o -name mandelbox-apparmor-profile \
                  | grep -v -e /local/ -e ^/var/lib/dpkg || true
                """));
    }

    [VmFact]
    public async Task A_mandelbox_outlives_upgrades_and_keeps_the_package_from_being_removed()
    {
        await DpkgAsync($"-i {PackageMachine.Second}");
        await machine.ConfigureAsync();
        await machine.MustAsync("systemctl start host-service", SlowTimeout);
        await SpinUpAsync("refuses");
        var run = await RunAsync();
        var container = await ContainerAsync("refuses");

        // A way back, under a service that would not take its mandelboxes over.
        var waits = await DpkgAsync($"-i {PackageMachine.First}");
        Assert.Contains("set Host__OnLeftovers=reattach", waits, StringComparison.Ordinal);
        Assert.Contains("the version that runs goes on; the new one runs from the next start", waits, StringComparison.Ordinal);
        Assert.Equal((run, container), (await RunAsync(), await ContainerAsync("refuses")));

        await machine.MustAsync("curl -fsSk -X DELETE https://127.0.0.1:4678/v1/mandelboxes/refuses", SlowTimeout);
        await machine.MustAsync(
            "echo Host__OnLeftovers=reattach >>/etc/host-service/environment; systemctl restart host-service", SlowTimeout);
        await SpinUpAsync("kept");
        run = await RunAsync();
        container = await ContainerAsync("kept");

        var restarts = await DpkgAsync($"-i {PackageMachine.Second}");
        Assert.Contains("the new version is ready", restarts, StringComparison.Ordinal);
        Assert.Equal("99.0.0 installed", await machine.MustAsync(Installed));
        Assert.NotEqual(run, await RunAsync());
        Assert.Equal(container, await ContainerAsync("kept"));
        Assert.Contains(
            "\"state\":\"Running\"",
            await machine.MustAsync("curl -fsSk https://127.0.0.1:4678/v1/mandelboxes/kept"),
            StringComparison.Ordinal);

        var refused = await machine.RunAsync("dpkg -r host-service 2>&1", SlowTimeout);
        Assert.NotEqual(0, refused.Code);
        Assert.Contains("host-service drain", refused.Output, StringComparison.Ordinal);
        Assert.Equal("99.0.0 installed", await machine.MustAsync(Installed));
        Assert.Equal(container, await ContainerAsync("kept"));

        await machine.MustAsync("curl -fsSk -X DELETE https://127.0.0.1:4678/v1/mandelboxes/kept", SlowTimeout);
        await DpkgAsync("-r host-service");
    }

    private Task<string> DpkgAsync(string arguments) => machine.MustAsync($"dpkg {arguments} 2>&1", SlowTimeout);

    private Task<string> RunAsync() => machine.MustAsync("systemctl show -P MainPID host-service");

    /// <summary>Its id and its process, which a restart of the container would change.</summary>
    private Task<string> ContainerAsync(string id) =>
        machine.MustAsync($"docker inspect -f '{{{{.Id}}}} {{{{.State.Pid}}}}' mandelboxes-demo-{id}");

    private Task<string> SpinUpAsync(string id) => machine.MustAsync(
        "curl -fsSk -X PUT -d @- https://127.0.0.1:4678/spin_up_mandelbox",
        SlowTimeout,
        $$"""
        {"app_name":"mandelboxes/demo","config_encryption_token":"0123456789","jwt_access_token":"","mandelbox_id":"{{id}}","session_id":1}
        """);
}
