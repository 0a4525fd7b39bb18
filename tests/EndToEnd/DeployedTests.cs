using System.Diagnostics;
using System.Net;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using HostService.Tests.Unit.Ec2;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.EndToEnd;

/// <summary>
/// A deployed environment from the real process, on loopback in place of EC2 and Auth0 and with a fake GPU library. Only what takes root
/// over the machine (systemd, AppArmor, shutdown) is left to the virtual machine's tests.
/// </summary>
[Collection(BackendCollection.Name)]
public sealed class DeployedTests(EngineFixture engine, PostgresFixture database) : IAsyncLifetime
{
    private const string User = "auth0|5f7c8ec7c33c6c004bbafe82";
    private readonly ScratchDirectory _directory = new();
    private readonly string _instance = $"deployed-{Guid.NewGuid():N}";
    private FakeMetadataService _metadata = null!;
    private Issuer _issuer = null!;
    private RowHistory _rows = null!;
    private ServiceSettings _settings = null!;

    /// <summary>In a deployed environment no mandelbox comes up without it, and so no host.</summary>
    private static bool HasFuse => File.Exists("/dev/fuse");

    public async Task InitializeAsync()
    {
        if (Backend.SkipReason(["cc"]) is not null)
        {
            return;
        }

        _metadata = await FakeMetadataService.StartAsync();
        _metadata.Values["tags/instance/Name"] = _instance;
        _issuer = await Issuer.StartAsync();
        _rows = await RowHistory.StartAsync(database.Server);
        _settings = ServiceSettings.Local(engine.Endpoint, _directory).With(
            ("APP_ENV", "DEV"),
            ("Ec2__MetadataEndpoint", _metadata.Address),
            ("Auth__Issuer", _issuer.Url),
            ("Database__ConnectionString", database.Server.ConnectionString),
            ("Docker__ImageTemplate", "fractal/{app}:current-build"),
            ("Gpu__NvmlLibrary", await CompileGpusAsync(2)),
            ("UserConfigs__Enabled", "false"),
            ("Shutdown__Grace", "00:00:05"))
            .With(await FakeUinputAsync());
    }

    public async Task DisposeAsync()
    {
        if (_rows is not null)
        {
            await _rows.DisposeAsync();
            await _issuer.DisposeAsync();
            await _metadata.DisposeAsync();
        }
    }

    /// <summary>The warm-up is a whole mandelbox: where none can come up, the host does not register.</summary>
    [BackendFact("cc")]
    public async Task A_host_whose_warm_up_fails_does_not_register_and_says_why()
    {
        using var directory = _directory;
        await AddRowAsync();
        await using var service = await ServiceProcess.LaunchAsync(_settings.With(("WarmUp__AppTimeout", "00:00:00.001")));

        Assert.Equal(1, await service.Exited.WaitAsync(TimeSpan.FromSeconds(120)));

        Assert.Matches(
            HasFuse ? "Warm-up 1 of 2 failed in step app, .*: the app inside did not come up" : "Warm-up 1 of 2 failed in step devices, .*: ",
            service.Log.Text);
        Assert.Equal(["PRE_CONNECTION"], await _rows.OfAsync(_instance));
        Assert.False(Directory.Exists(_settings.Root));
    }

    [BackendFact("cc", "/dev/fuse")]
    public async Task It_starts_in_its_order_takes_tokens_and_ends_with_its_grace()
    {
        await AddRowAsync();
        await using var service = await RunningService.StartAsync(_directory, engine.Endpoint, _settings);

        // Identity from metadata, slots from GPUs, two warm-ups before the row was taken.
        Assert.Contains("https://203.0.113.7:", service.Process.ReadyLine, StringComparison.Ordinal);
        Assert.EndsWith("(DEV, 4 slots)", service.Process.ReadyLine, StringComparison.Ordinal);
        AssertInOrder(
            service.Process.Log.Text,
            "Starting: test the database", "Starting: find this host's identity", "Starting: make directories",
            "Starting: reach the container engine", "Starting: start the silo", "Starting: warm up", "Warm-up 1: ", "Warm-up 2: ",
            "Starting: register the host");
        Assert.Equal(["PRE_CONNECTION", "ACTIVE"], await _rows.OfAsync(_instance));
        Assert.Equal(
            ["aws-i-0123456789abcdef0|203.0.113.7|4"],
            await database.Server.QueryAsync(
                "SELECT cloud_provider_id || '|' || ip || '|' || mandelbox_capacity FROM hardware.instance_info WHERE instance_name = "
                    + $"'{_instance}'"));

        await RefusedTokensAsync(service);
        await SpinUpAsync(service, "early");

        // TERM: DRAINING at once, and for the grace what was assigned already still comes in.
        await _rows.AllocateAsync(_instance, User, ["graced"]);
        var end = service.Process.EndAsync();
        await _rows.ReachedAsync(_instance, "DRAINING");
        await SpinUpAsync(service, "graced", allocated: true);

        // After the grace nothing comes in any more, and the service ends when the last user has left.
        await LeaveAsync(service, "early", "graced");
        Assert.Equal(0, await end);
        await _rows.GoneAsync("graced");
        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(_instance));
        Assert.False(Directory.Exists(_settings.Root));
    }

    [BackendFact("cc", "/dev/fuse")]
    public async Task Not_wanted_any_more_it_still_takes_what_was_assigned_for_its_grace()
    {
        await AddRowAsync();
        await using var service = await RunningService.StartAsync(_directory, engine.Endpoint, _settings);
        await database.Server.ExecuteAsync($"UPDATE hardware.instance_info SET status = 'DRAINING' WHERE instance_name = '{_instance}'");
        await service.Process.Log.LineAsync("The service ends (NotWanted)").WaitAsync(TimeSpan.FromSeconds(60));

        // Only now: the sweep that notices may come when a row from before would just be old enough to be swept away.
        await _rows.AllocateAsync(_instance, User, ["graced"]);
        await SpinUpAsync(service, "graced", allocated: true);
        await LeaveAsync(service, "graced");
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        await _rows.GoneAsync("graced");
        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(_instance));
    }

    [BackendFact("cc")]
    public async Task Without_instance_metadata_or_a_gpu_it_refuses_to_start_and_says_why()
    {
        using var directory = _directory;
        await AddRowAsync();
        Assert.Contains("runs on EC2 only", await RefusalAsync(("Ec2__MetadataEndpoint", $"http://127.0.0.1:{TestPorts.Reserve()}")), StringComparison.Ordinal);
        Assert.Contains("no GPU", await RefusalAsync(("Gpu__NvmlLibrary", "/nowhere/libnvidia-ml.so.1")), StringComparison.Ordinal);
        Assert.Equal(["PRE_CONNECTION"], await _rows.OfAsync(_instance));
    }

    [BackendFact("cc", "/dev/fuse")]
    public async Task A_spot_instance_that_EC2_is_about_to_end_drains_and_is_gone_before()
    {
        await AddRowAsync();
        _metadata.Values["instance-life-cycle"] = "spot";
        await using var service = await RunningService.StartAsync(
            _directory, engine.Endpoint, _settings.With(("Ec2__NoticeInterval", "00:00:00.2"), ("Shutdown__Grace", "00:45:00")));

        // The grace would last 45 minutes; 92 s before the end it has 2 s left.
        var time = DateTimeOffset.UtcNow.AddSeconds(92);
        _metadata.Values["spot/instance-action"] = $$"""{"action":"terminate","time":"{{time:yyyy-MM-ddTHH:mm:ss}}Z"}""";
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains(
            "The service ends (Notice): EC2 will terminate this spot instance", service.Process.Log.Text, StringComparison.Ordinal);
        Assert.Equal(["PRE_CONNECTION", "ACTIVE", "DRAINING", "gone"], await _rows.OfAsync(_instance));
    }

    [BackendTheory("cc", "/dev/fuse")]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task A_start_that_is_refused_leaves_the_machine_on_only_where_another_run_s_mandelboxes_are(bool areThere, bool wasRenamed)
    {
        using var directory = _directory;
        await AddRowAsync();
        await database.Server.ExecuteAsync($"UPDATE hardware.instance_info SET status = 'ACTIVE' WHERE instance_name = '{_instance}'");
        await using var services = EngineFixture.Connect(engine.Endpoint);
        var containers = services.GetRequiredService<IContainerEngine>();
        var container = await containers.CreateAsync(
            new ContainerSpec
            {
                Name = $"user-{_instance}",
                Image = FakeContainerEngine.DemoImage,
                Labels = new Dictionary<string, string>
                {
                    [ContainerLabels.Host] = wasRenamed ? "former-name" : _instance,
                    [ContainerLabels.Root] = _settings.Root,
                },
                Tty = true,
            },
            default);
        try
        {
            if (areThere)
            {
                await containers.StartAsync(container, default);
            }

            var log = await RefusalAsync();
            Assert.Contains("column status is \"ACTIVE\"", log, StringComparison.Ordinal);
            Assert.Equal(areThere, log.Contains("The machine stays on", StringComparison.Ordinal));
        }
        finally
        {
            await containers.RemoveAsync(container, default);
        }
    }

    /// <summary>Where this machine can run them, users stay until they leave.</summary>
    private static async Task LeaveAsync(RunningService service, params string[] ids)
    {
        if (HasFuse)
        {
            await service.Process.Log.LineAsync("Draining: ").WaitAsync(TimeSpan.FromSeconds(60));
            await Task.WhenAll(ids.Select(service.EndAsync));
        }
    }

    private static void AssertInOrder(string text, params string[] parts)
    {
        var at = 0;
        foreach (var part in parts)
        {
            at = text.IndexOf(part, at, StringComparison.Ordinal);
            Assert.True(at >= 0, $"'{part}' is missing, or out of order, in\n{text}");
        }
    }

    private async Task RefusedTokensAsync(RunningService service)
    {
        var now = DateTimeOffset.UtcNow;
        var claims = _issuer.Claims(now);
        var old = new Dictionary<string, object?>(claims, StringComparer.Ordinal) { ["exp"] = now.AddHours(-1).ToUnixTimeSeconds() };
        var foreign = new Dictionary<string, object?>(claims, StringComparer.Ordinal) { ["iss"] = "https://somebody.else/" };
        var wrong = new[] { "", "not a token", _issuer.Sign(old), _issuer.Sign(foreign), _issuer.Sign(claims, alg: "none"), _issuer.Sign(claims, alg: "HS256"), _issuer.Sign(claims)[..^8] + "AAAAAAAA" };
        foreach (var token in wrong)
        {
            var (status, answer) = await service.SpinUpAsync(RunningService.SpinUp("tokens", jwt: token));
            Assert.Equal((HttpStatusCode.Unauthorized, "Unauthorized"), (status, (string)answer!));
        }

        // A user is not the backend; the backend's scope is.
        var (asUser, _) = await service.CallAsync(
            HttpMethod.Put, "/set_container_dpi", new() { ["auth_secret"] = _issuer.Sign(claims), ["host_port"] = 1, ["dpi"] = 1 });
        Assert.Equal(HttpStatusCode.Unauthorized, asUser);
        var (asBackend, why) = await service.CallAsync(
            HttpMethod.Put, "/set_container_dpi",
            new() { ["auth_secret"] = _issuer.Sign(_issuer.Claims(now, "openid backend")), ["host_port"] = 1, ["dpi"] = 1 });
        Assert.Equal(HttpStatusCode.NotAcceptable, asBackend);
        Assert.Contains("no mandelbox has host port 1/tcp", (string)why["error"]!, StringComparison.Ordinal);
    }

    private async Task SpinUpAsync(RunningService service, string id, bool allocated = false)
    {
        if (!allocated)
        {
            await _rows.AllocateAsync(_instance, User, [id]);
        }

        var (status, answer) = await service.SpinUpAsync(
            RunningService.SpinUp(id, jwt: _issuer.Sign(_issuer.Claims(DateTimeOffset.UtcNow))));
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
    }

    private async Task<string> RefusalAsync(params (string Key, string Value)[] settings)
    {
        await using var service = await ServiceProcess.LaunchAsync(_settings.With(settings));
        Assert.Equal(3, await service.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.False(Directory.Exists(_settings.Root));
        return service.Log.Text;
    }

    private async Task AddRowAsync() => await (await HostRow.ForAsync(_settings) with
    {
        InstanceName = _instance,
        Ami = _metadata.Values["ami-id"],
        Region = _metadata.Values["placement/region"],
        InstanceType = _metadata.Values["instance-type"],
    }).AddAsync(database.Server);

    /// <summary>The fake GPU library, with GPUs in it from the start.</summary>
    private async Task<string> CompileGpusAsync(int gpus)
    {
        var start = _directory["start.c"];
        await File.WriteAllTextAsync(
            start, $"void fake_set_gpus(unsigned); __attribute__((constructor)) static void start(void) {{ fake_set_gpus({gpus}); }}\n");
        return await CompileAsync("libnvidia-ml.so.1", Source("fake_nvml.c"), start);
    }

    /// <summary>Input devices on a machine without uinput: its ioctl is found in a library before the C library's.</summary>
    private async Task<(string Key, string Value)[]> FakeUinputAsync()
    {
        await File.WriteAllTextAsync(_directory["uinput"], "");
        Directory.CreateDirectory(_directory["sys"]);
        Directory.CreateDirectory(_directory["dev"]);
        await CompileAsync("libc.so", Source("fake_uinput.c"));
        return
        [
            ("FAKE_UINPUT", _directory.Path), ("LD_LIBRARY_PATH", _directory.Path),
            ("Input__DevicePath", _directory["uinput"]), ("Input__SysRoot", _directory["sys"]), ("Input__NodeRoot", _directory["dev"]),
        ];
    }

    private static string Source(string name) =>
        Directory.EnumerateFiles(AppContext.BaseDirectory, name, SearchOption.AllDirectories).First();

    private async Task<string> CompileAsync(string name, params string[] sources)
    {
        var library = _directory[name];
        var start = new ProcessStartInfo("cc", ["-shared", "-fPIC", "-O1", "-pthread", "-o", library, .. sources])
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var compiler = Process.Start(start)!;
        var errors = await compiler.StandardError.ReadToEndAsync();
        await compiler.WaitForExitAsync();
        Assert.True(compiler.ExitCode == 0, errors);
        return library;
    }
}
