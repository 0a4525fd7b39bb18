using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Silo.Reporting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Unit.Startup;

/// <summary>All faults are named at once, also where a value cannot even be read.</summary>
public sealed class OptionsCheckTests
{
    [Fact]
    public void A_value_that_cannot_be_read_hides_no_other_fault_of_its_section()
    {
        var faults = Validate(
            ("Database:MaxPoolSize", "many"), ("Database:Timeout", "soon"), ("Database:StartTimeout", "00:00:00"), (
                "DATABASE_URL", "postgres://u:hunter2@h:0/d"));

        Assert.Equal(4, faults.Count);
        Assert.Single(faults, f => f.Contains("Database:MaxPoolSize", StringComparison.Ordinal));
        Assert.Single(faults, f => f.Contains("Database:Timeout", StringComparison.Ordinal));
        Assert.Single(faults, f => f.StartsWith("Database:StartTimeout must be over 0", StringComparison.Ordinal));
        Assert.Single(faults, f => f.StartsWith("DATABASE_URL has a port that is not a number", StringComparison.Ordinal));
        Assert.DoesNotContain(faults, f => f.Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public void A_check_about_a_value_that_could_not_be_read_says_nothing()
    {
        // With the default in its place the delay would be longer than the longest one.
        var faults = Validate(
            ("Database:MaxRetryDelay", "long"), ("Database:RetryDelay", "00:00:30"), ("DATABASE_URL", "postgres://u:p@localhost/d"));

        Assert.Contains("Database:MaxRetryDelay", Assert.Single(faults), StringComparison.Ordinal);
    }

    [Fact]
    public void Faults_of_other_sections_are_named_beside_it()
    {
        var faults = Validate(("Database:Timeout", "soon"), ("Shutdown:Grace", "-00:00:01"), ("Shutdown:StepTimeout", "x"), (
            "DATABASE_URL", "postgres://u:p@localhost/d"));

        Assert.Equal(3, faults.Count);
        Assert.Single(faults, f => f.StartsWith("Shutdown:Grace is -00:00:01", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("foo", false)]
    [InlineData("https://sentry.example/1", false)]
    [InlineData("https://key@sentry.example/", false)]
    [InlineData("https://key@sentry.example/1", true)]
    public void What_is_not_a_DSN_is_a_fault_and_does_not_stop_the_start_before_the_others_are_found(string dsn, bool isOne)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Sentry:Dsn", dsn)]).Build();

        Assert.Equal(isOne, !new ErrorReportingOptions { Dsn = dsn }.Validate().Any());
        using var reporting = ErrorReporting.Start(configuration);
        Assert.Equal(isOne, reporting is not null);
    }

    private static IReadOnlyList<string> Validate(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => (string?)s.Value))
            .Build();
        var services = new ServiceCollection();
        services.AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System).AddBackendDatabase(hasDatabase: true);
        services.AddValidatedOptions<ShutdownOptions>("Shutdown");
        return OptionsCheck.Validate(services);
    }
}
