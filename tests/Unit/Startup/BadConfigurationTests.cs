using HostService.Tests.Support;

namespace HostService.Tests.Unit.Startup;

/// <summary>The process itself, with settings that it must refuse: exit code 2, every fault named, nothing of .NET's.</summary>
public sealed class BadConfigurationTests
{
    [Theory]
    [InlineData("run", "Logging__LogLevel__Default=Loud", "Logging:LogLevel:Default is 'Loud'; it must be one of Trace,")]
    [InlineData(
        "run", "Logging__Console__LogToStandardErrorThreshold=x;Logging__Console__MaxQueueLength=-1;Gateway__Port=-1",
        "Logging:Console:LogToStandardErrorThreshold is 'x'", "Logging:Console:MaxQueueLength is '-1'", "Gateway:Port is -1")]
    [InlineData(
        "run", "Mandelbox__StepTimeout=abc;UserConfigs__ServiceUrl=foo",
        "Mandelbox:StepTimeout is 'abc'; it must be a time such as 00:00:30.", "UserConfigs:ServiceUrl is 'foo'")]
    [InlineData(
        "run", "Mandelbox__StepTimeout=00:00:00;UserConfigs__ServiceUrl=foo",
        "Mandelbox:StepTimeout is 00:00:00", "UserConfigs:ServiceUrl is 'foo'")]
    [InlineData(
        "run",
        "APP_ENV=LOCALDEVWITHDB;Database__ConnectionString=foo;Gateway__CertificatePath=/nowhere/cert.pem;Sentry__Dsn=xyz;Gateway__Port=abc",
        "Database:ConnectionString is not", "Gateway:CertificatePath: cannot read /nowhere/cert.pem", "Sentry:Dsn is not a DSN",
        "Gateway:Port is 'abc'; it must be a whole number.")]
    [InlineData(
        "run", "Gateway__MandelboxTimeout=50.00:00:00;Mandelbox__SpinUpTimeout=10675199.02:48:05",
        "Gateway:MandelboxTimeout is 50.00:00:00; it must be at most 24 days.", "Mandelbox:SpinUpTimeout is 10675199.02:48:05")]
    [InlineData(
        "run", "Gateway__Prot=1;Host__Rot=/x;Gpu__FatalXids=79",
        "did you mean Gateway:Port?", "did you mean Host:Root?", "Gpu:FatalXids is a list")]
    [InlineData("run", "Host__RequireEnvironment=true;Gateway__Port=-1", "APP_ENV is not set.", "Gateway:Port is -1")]
    [InlineData("run", "Host__RequireEnvironment=true;APP_ENV=foo", "APP_ENV is 'foo', which is no environment. Set it to LOCALDEV,")]
    [InlineData("run --Gatway:Port=1", "", "Gatway:Port is no setting: there is no section Gatway; did you mean Gateway:Port?")]
    [InlineData(
        "gateway", "Orleans__ExternalClients=true;Orleans__GatewayPort=99999;Host__Rot=x",
        "Orleans:GatewayPort is 99999", "did you mean Host:Root?")]
    [InlineData("status", "Gateway__Port=abc", "Gateway:Port is 'abc'; it must be a whole number.")]
    [InlineData("status", "Gateway__Port=0", "Gateway:Port is 0", "--address")]
    [InlineData("gpus", "Gpu__MandelboxesPerGpu=many", "Gpu:MandelboxesPerGpu is 'many'; it must be a whole number.")]
    [InlineData("drain --Gatway:Port=1", "", "did you mean Gateway:Port?")]
    [InlineData("gpus --Gpu:Nvml=x", "Gateway__Prot=1", "Gpu:Nvml is no setting", "did you mean Gateway:Port?")]
    [InlineData("spin-up --dpi abc", "", "Cannot parse argument 'abc' for option '--dpi': it takes a whole number")]
    [InlineData("stop --hots", "", "'--hots' is no option of this command")]
    public async Task Every_fault_is_named_in_plain_words_with_exit_code_2(string command, string settings, params string[] expected)
    {
        var environment = settings.Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(s => s.Split('=', 2))
            .ToDictionary(s => s[0], s => s[1]);

        var (code, output, errors) = await ServiceProcess.CommandAsync(environment, command.Split(' '));

        Assert.Equal((2, ""), (code, output));
        Assert.All(expected, part => Assert.Contains(part, errors, StringComparison.Ordinal));
        Assert.DoesNotContain("System.", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_environment_is_warned_of_where_none_is_required()
    {
        using var directory = new ScratchDirectory();
        var settings = ServiceSettings.Local(new Uri("unix:///nowhere"), directory).With(("APP_ENV", "foo"));

        var (code, _, errors) = await ServiceProcess.CommandAsync(settings.Environment, "run");

        Assert.Equal(4, code);
        var warning = Assert.Single(errors.Split('\n'), l => l.Contains("APP_ENV", StringComparison.Ordinal));
        Assert.Contains("warn: ", warning, StringComparison.Ordinal);
        Assert.Contains("APP_ENV is 'foo', which is no environment: running as LOCALDEV", warning, StringComparison.Ordinal);
        Assert.Contains("its socket does not exist", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status", "--Gateway:Port=1", "https://127.0.0.1:1/")]
    [InlineData("status", "--Gateway:Address=127.0.0.2", "https://127.0.0.2:2/")]
    [InlineData("stop --host", "--Gateway:Port=1", "https://127.0.0.1:1/")]
    public async Task A_command_finds_the_service_by_the_settings_that_run_takes(string command, string setting, string address)
    {
        var (code, _, errors) = await ServiceProcess.CommandAsync(
            new Dictionary<string, string> { ["Gateway__Port"] = "2" }, [.. command.Split(' '), setting]);

        Assert.Equal(1, code);
        Assert.Contains($"No host service answers at {address}", errors, StringComparison.Ordinal);
    }
}
