using System.Net;
using HostService.Gateway.Authentication;
using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Gpu;
using HostService.Infrastructure.Linux.AppArmor;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Silo.Doctor;
using HostService.Silo.Reporting;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Doctor;

/// <summary>One of the things that a host needs is missing, and the check says which and what to do.</summary>
public sealed class MachineChecksTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    private readonly ScratchDirectory _directory = new();
    private readonly FakeContainerEngine _engine = new();
    private readonly FakeDatabase _database = new();
    private readonly FakeInputDevices _input = new();
    private readonly FakeUserConfigs _userConfigs = new();
    private readonly Firewall _firewall = new();
    private readonly HttpAnswer _issuer = new();
    private readonly HttpAnswer _collector = new();
    private readonly TelemetryOptions _telemetry = new();
    private readonly ManualClock _clock = new(Now);
    private readonly HostOptions _host;
    private readonly DiskOptions _disk = new() { MinFreeBytes = 0 };
    private IAppArmor _appArmor = new LoadedAppArmor();

    public MachineChecksTests() => _host = new HostOptions { Root = _directory["root"] };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(HostEnvironment.LocalDev, CheckOutcome.Warning)]
    [InlineData(HostEnvironment.Dev, CheckOutcome.Failed)]
    public async Task What_a_deployed_host_needs_is_a_failure_there_and_a_warning_elsewhere(HostEnvironment environment, CheckOutcome outcome)
    {
        _input.Unavailable = "the kernel has no uinput";
        _appArmor = new AppArmor("the kernel has no AppArmor", null);
        _firewall.Missing = ["PREROUTING ! -i lo -j HOST-SERVICE"];

        var checks = await RunAsync(environment);

        foreach (var name in new[] { "uinput", "apparmor", "firewall" })
        {
            Assert.Equal(outcome, checks[name].Outcome);
            Assert.NotNull(checks[name].Advice);
        }
    }

    [Fact]
    public async Task A_host_that_lacks_nothing_fails_no_check()
    {
        _database.Clock = () => Now;

        var checks = await RunAsync(HostEnvironment.Dev);

        // This machine has no GPU.
        Assert.All(checks.Values.Where(check => check.Name != "gpu"), check => Assert.Equal(CheckOutcome.Ok, check.Outcome));
        Assert.Equal("2 keys at https://fractal-dev.us.auth0.com/.well-known/jwks.json", checks["issuer"].Detail);
    }

    [Fact]
    public async Task An_engine_that_does_not_answer_in_time_fails_and_takes_no_other_result_with_it()
    {
        using var held = _engine.Hold(EngineCall.List);
        var waits = _clock.TimerSetAsync(TimeSpan.FromSeconds(2));

        var running = RunAsync(HostEnvironment.LocalDev);
        await Task.WhenAll(waits, held.Entered);
        _clock.Advance(TimeSpan.FromSeconds(2));
        var checks = await running;

        Assert.Equal((CheckOutcome.Failed, "no answer within 2 s"), (checks["engine"].Outcome, checks["engine"].Detail));
        Assert.Equal(CheckOutcome.Ok, checks["disk"].Outcome);
    }

    [Fact]
    public async Task An_engine_that_refuses_is_quoted()
    {
        _engine.FailNext(EngineCall.List, EngineFailure.Unreachable);

        Assert.Contains("the test asked for it", (await RunAsync(HostEnvironment.LocalDev))["engine"].Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, CheckOutcome.Failed)]
    [InlineData(null, CheckOutcome.Warning)]
    public async Task A_profile_that_is_not_loaded_is_told_from_one_that_only_root_can_see(bool? isLoaded, CheckOutcome outcome)
    {
        _appArmor = new AppArmor(null, isLoaded);

        Assert.Equal(outcome, (await RunAsync(HostEnvironment.Dev))["apparmor"].Outcome);
    }

    [Fact]
    public async Task The_engines_rule_for_published_ports_is_only_warned_of()
    {
        _firewall.Missing = ["nat PREROUTING -j DOCKER"];

        Assert.Equal(CheckOutcome.Warning, (await RunAsync(HostEnvironment.Dev))["firewall"].Outcome);
    }

    [Fact]
    public async Task Where_the_system_is_not_managed_no_rule_is_missed()
    {
        _host.ManageSystem = false;
        _firewall.Missing = ["PREROUTING ! -i lo -j HOST-SERVICE"];

        Assert.Equal(CheckOutcome.Ok, (await RunAsync(HostEnvironment.LocalDev))["firewall"].Outcome);
    }

    [Fact]
    public async Task A_full_disk_fails()
    {
        Directory.CreateDirectory(_host.Root);
        _disk.MinFreeBytes = long.MaxValue;

        Assert.Equal(CheckOutcome.Failed, (await RunAsync(HostEnvironment.LocalDev))["disk"].Outcome);
    }

    [Theory]
    [InlineData(true, "host-service reclaim --dry-run shows what is left")]
    [InlineData(false, null)]
    public async Task What_the_last_run_left_fails_and_what_is_not_ours_is_left_alone(bool isOurs, string? advice)
    {
        Directory.CreateDirectory(_host.Root);
        await File.WriteAllTextAsync(Path.Combine(_host.Root, isOurs ? ".host-service" : "somebody-else's"), "");

        var check = (await RunAsync(HostEnvironment.LocalDev))["directories"];

        Assert.Equal((CheckOutcome.Failed, advice), (check.Outcome, check.Advice));
    }

    [Theory]
    [InlineData(4, CheckOutcome.Ok, "4.0 s behind the database's")]
    [InlineData(-6, CheckOutcome.Failed, "6.0 s ahead of the database's")]
    [InlineData(3600, CheckOutcome.Failed, "3600.0 s behind the database's")]
    public async Task A_clock_is_compared_with_the_databases(int seconds, CheckOutcome outcome, string detail)
    {
        _database.Clock = () => Now + TimeSpan.FromSeconds(seconds);

        var check = (await RunAsync(HostEnvironment.Dev))["clock"];

        Assert.Equal((outcome, detail), (check.Outcome, check.Detail));
    }

    [Fact]
    public async Task Without_a_database_the_issuers_clock_counts()
    {
        _issuer.Date = Now + TimeSpan.FromMinutes(10);

        Assert.Equal("600.0 s behind the issuer's", (await RunAsync(HostEnvironment.Dev))["clock"].Detail);
    }

    [Theory]
    [InlineData(HttpStatusCode.NotFound, "{}")]
    [InlineData(HttpStatusCode.OK, "{\"keys\":[]}")]
    [InlineData(HttpStatusCode.OK, "<html>")]
    public async Task An_issuer_without_keys_fails(HttpStatusCode status, string body)
    {
        (_issuer.Status, _issuer.Body) = (status, body);

        Assert.Equal(CheckOutcome.Failed, (await RunAsync(HostEnvironment.Dev))["issuer"].Outcome);
    }

    [Theory]
    [InlineData("", HttpStatusCode.OK, CheckOutcome.Ok, "not used here")]
    [InlineData("http://127.0.0.1:4318", HttpStatusCode.OK, CheckOutcome.Ok, "http://127.0.0.1:4318 takes what is sent")]
    [InlineData("http://127.0.0.1:4318/", HttpStatusCode.NotFound, CheckOutcome.Failed, "404")]
    public async Task A_collector_that_does_not_take_what_is_sent_fails(
        string endpoint, HttpStatusCode status, CheckOutcome outcome, string detail)
    {
        _telemetry.OtlpEndpoint = endpoint;
        _collector.Status = status;

        var check = (await RunAsync(HostEnvironment.Dev))["telemetry"];

        Assert.Equal(outcome, check.Outcome);
        Assert.Contains(detail, check.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_collector_answers_is_not_read()
    {
        _telemetry.OtlpEndpoint = "http://127.0.0.1:4318";
        _collector.Content = () => new StreamContent(File.OpenRead("/dev/zero"));

        Assert.Equal(CheckOutcome.Ok, (await RunAsync(HostEnvironment.Dev))["telemetry"].Outcome);
    }

    private async Task<Dictionary<string, DoctorCheck>> RunAsync(HostEnvironment environment)
    {
        var (running, host, auth) = (new RunningEnvironment(environment), Options.Create(_host), Options.Create(new AuthOptions()));
        var disk = new DiskQuotas(
            host, Options.Create(_disk), new MandelboxFiles(TimeProvider.System), TimeProvider.System, NullLogger<DiskQuotas>.Instance);
        using var directories = new HostDirectories(host, NullLogger<HostDirectories>.Instance);
        var checks = new MachineChecks(
            running, _engine, _firewall, _appArmor, _input, _database, _userConfigs, new IssuerProbe(_issuer, auth, running),
            new TelemetryCollector(_collector, Options.Create(_telemetry)), disk,
            directories, host, Options.Create(new GpuOptions { NvmlLibrary = "/nonexistent" }), auth, _clock);
        return (await checks.RunAsync(CancellationToken.None)).ToDictionary(check => check.Name);
    }

    private sealed class Firewall : IFirewall
    {
        public IReadOnlyList<string> Missing { get; set; } = [];

        public Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> FindMissingAsync(CancellationToken cancellationToken) => Task.FromResult(Missing);
    }

    private sealed class AppArmor(string? unavailable, bool? isLoaded) : IAppArmor
    {
        public string? Unavailable => unavailable;

        public bool? IsLoaded => isLoaded;

        public Task LoadAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    private sealed class HttpAnswer : HttpMessageHandler, IHttpClientFactory
    {
        public HttpStatusCode Status { get; set; } = HttpStatusCode.OK;

        public string Body { get; set; } = "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"1\"},{\"kty\":\"RSA\",\"kid\":\"2\"}]}";

        public Func<HttpContent>? Content { get; set; }

        public DateTimeOffset? Date { get; set; }

        public HttpClient CreateClient(string name) => new(this, disposeHandler: false);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = new HttpResponseMessage(Status) { Content = Content?.Invoke() ?? new StringContent(Body) };
            response.Headers.Date = Date;
            return Task.FromResult(response);
        }
    }
}
