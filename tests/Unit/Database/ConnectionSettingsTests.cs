using HostService.Infrastructure.Backend;
using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Database;

public sealed class ConnectionSettingsTests
{
    [Fact]
    public async Task The_configured_connection_string_goes_before_DATABASE_URL()
    {
        var found = await Resolve(
            ("Database:ConnectionString", "Host=first;Database=d"), ("DATABASE_URL", "postgres://u:p@second/d"), ("Heroku:ApiKey", "k"), (
                "Heroku:App", "a"));

        Assert.Equal("first", found);
    }

    [Fact]
    public async Task DATABASE_URL_goes_before_Heroku() =>
        Assert.Equal("second", await Resolve(("DATABASE_URL", "postgres://u:p@second/d"), ("Heroku:ApiKey", "k"), ("Heroku:App", "a")));

    [Fact]
    public async Task The_configured_connection_string_may_be_a_URL_too() =>
        Assert.Equal("first", await Resolve(("Database:ConnectionString", "postgres://u:p@first/d")));

    [Theory]
    [InlineData("No database is configured: set Database__ConnectionString, or DATABASE_URL, or Heroku__ApiKey together with Heroku__App.")]
    [InlineData("Heroku:ApiKey is set but Heroku:App is not", "Heroku:ApiKey", "hunter2")]
    [InlineData("Heroku:App is set but Heroku:ApiKey is not", "Heroku:App", "a")]
    [InlineData("DATABASE_URL is not a postgres:// URL.", "DATABASE_URL", "Host=h;Password=hunter2")]
    [InlineData("Database:ConnectionString is not a connection string that Npgsql can read", "Database:ConnectionString", "Host=h;Password=hun;ter2=hunter2")]
    [InlineData(
        "Database:ConnectionString is not a connection string that Npgsql can read", "Database:ConnectionString", "Host=h;Port=hunter2")]
    [InlineData("Database:ConnectionString names no Host.", "Database:ConnectionString", "Password=hunter2")]
    [InlineData("Database:MaxPoolSize must be 1..100, but is 0.", "Database:MaxPoolSize", "0")]
    [InlineData("Database:Schema must be the name of a schema (letters, digits and '_', at most 63), but is \"\".", "Database:Schema", "")]
    [InlineData("but is \"cloud; DROP TABLE x\".", "Database:Schema", "cloud; DROP TABLE x")]
    [InlineData("but is \"cloud\"\".", "Database:Schema", "cloud\"")]
    [InlineData("but is \"1cloud\".", "Database:Schema", "1cloud")]
    [InlineData("Database:Schema must be", "Database:Schema", "cloud\n")]
    [InlineData("Database:Schema must be", "Database:Schema", "s123456789012345678901234567890123456789012345678901234567890123")]
    [InlineData("Database:Timeout must be over 0 and at most 10 minutes, but is 00:00:00.", "Database:Timeout", "00:00:00")]
    [InlineData("Heroku:Endpoint must be an absolute http(s) address, but is \"heroku\".", "Heroku:Endpoint", "heroku")]
    [InlineData("Database:RetryDelay (00:01:00) must not be over Database:MaxRetryDelay (00:00:10).", "Database:RetryDelay", "00:01:00")]
    public void A_fault_in_the_settings_is_named_and_no_secret_shown(string expected, string? key = null, string? value = null)
    {
        var e = Assert.Throws<OptionsValidationException>(
            () => Services(key is null ? [] : [(key, value!)]).GetRequiredService<IOptions<DatabaseOptions>>().Value);

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void All_faults_are_named_together()
    {
        var e = Assert.Throws<OptionsValidationException>(() =>
            Services(("Database:MaxPoolSize", "0"), ("Database:FlushTimeout", "-00:00:01")).GetRequiredService<IOptions<DatabaseOptions>>()
                .Value);

        Assert.Equal(3, e.Failures.Count());
    }

    [Fact]
    public async Task Without_a_database_everything_is_granted_and_no_setting_is_looked_at()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("DATABASE_URL", "nonsense")]).Build();
        await using var services = new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration)
            .AddSingleton(TimeProvider.System).AddBackendDatabase(hasDatabase: false).BuildServiceProvider();

        var database = services.GetRequiredService<IBackendDatabase>();

        Assert.IsType<NoDatabase>(database);
        Assert.Null(await database.ClaimMandelboxAsync("i", "m", "u", default));
        Assert.Equal(0, await database.FlushAsync(default));
        Assert.NotNull(services.GetRequiredService<HeartbeatLoop>());
        Assert.NotNull(services.GetRequiredService<StaleRowSweep>());
    }

    [Fact]
    public async Task With_a_database_the_real_one_is_there()
    {
        await using var services = Services(("DATABASE_URL", "postgres://u:p@localhost/d"));

        Assert.IsType<BackendDatabase>(services.GetRequiredService<IBackendDatabase>());
    }

    [Fact]
    public async Task Parameters_without_effect_are_a_warning_that_names_them_and_no_value()
    {
        var log = new RecordingLogger<ConnectionStringSource>();

        Assert.Equal("first", await Resolve(
            log, ("DATABASE_URL", "postgres://u:hunter2@first/d?connect_timeout=7&sslmode=require&service=hunter2")));

        Assert.Equal("Warning: DATABASE_URL has parameters that have no effect here: connect_timeout, service", Assert.Single(log.Lines));
    }

    private static Task<string?> Resolve(params (string Key, string Value)[] settings) =>
        Resolve(new RecordingLogger<ConnectionStringSource>(), settings);

    private static async Task<string?> Resolve(RecordingLogger<ConnectionStringSource> log, params (string Key, string Value)[] settings)
    {
        await using var services = Services(settings);
        using var http = new HttpClient();
        var source = new ConnectionStringSource(
            services.GetRequiredService<IOptions<DatabaseOptions>>(), new HerokuConfigVars(http), log);
        return (await source.ResolveAsync(default)).Host;
    }

    private static ServiceProvider Services(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => (string?)s.Value))
            .Build();
        return new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System)
            .AddBackendDatabase(hasDatabase: true).BuildServiceProvider();
    }
}
