using HostService.Gateway;
using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Silo.Hosting;
using Microsoft.Extensions.Configuration;

namespace HostService.Tests.Unit.Startup;

public sealed class SettingKeysTests
{
    /// <summary>Times that may be zero or negative: no timer is set with them, or they say so.</summary>
    private static readonly string[] MayBeZero = ["GracePeriod", "Jitter", "Pause", "ClockSkew", "StopGrace", "Grace"];

    public static TheoryData<string> Times => new(OptionsTypes().SelectMany(type => type.GetProperties())
        .Where(p => p.PropertyType == typeof(TimeSpan) && p.SetMethod is { IsPublic: true })
        .Select(p => $"{p.DeclaringType!.FullName}/{p.Name}"));

    [Theory]
    [InlineData("Gateway:Prot", "Gateway:Prot is no setting; did you mean Gateway:Port?")]
    [InlineData("gateway:PROT", "gateway:PROT is no setting; did you mean gateway:Port?")]
    [InlineData("Host:Rot", "Host:Rot is no setting; did you mean Host:Root?")]
    [InlineData("Host:ManagedSystem", "did you mean Host:ManageSystem?")]
    [InlineData("Gateway:InstanceName", "did you mean Host:InstanceName?")]
    [InlineData("Gatway:Port", "there is no section Gatway; did you mean Gateway:Port?")]
    [InlineData("Gatway:Whatever", "there is no section Gatway; did you mean Gateway:Whatever?")]
    [InlineData("Gateway:Port:1", "Gateway:Port is one value")]
    [InlineData("Sentry:DNS", "did you mean Sentry:Dsn?")]
    [InlineData("Logging:Fromat", "did you mean Logging:Format?")]
    [InlineData("Queue:Capacty", "did you mean Queue:Capacity?")]
    [InlineData("CloudStorage:Providers:box:Tpye", "did you mean CloudStorage:Providers:box:Type?")]
    [InlineData("Gpu:FatalXids", "give its first value as Gpu:FatalXids:0")]
    public void A_key_that_nothing_reads_is_a_fault_that_names_the_nearest(string key, string expected) =>
        Assert.Contains(expected, Assert.Single(Validate(key)), StringComparison.Ordinal);

    [Theory]
    [InlineData("Gateway:Port")]
    [InlineData("GATEWAY:port")]
    [InlineData("Gpu:FatalXids:0")]
    [InlineData("CloudStorage:Providers:box:Options:any_thing")]
    [InlineData("WarmPool:Apps:browsers/chrome")]
    [InlineData("Queue:Timeout")]
    [InlineData("Logging:LogLevel:Orleans")]
    [InlineData("Logging:Console:FormatterName")]
    [InlineData("Kestrel:Limits:MaxConcurrentConnections")]
    [InlineData("AllowedHosts")]
    [InlineData("Parcels:Anything")]
    [InlineData("Service:Name")]
    [InlineData("APP_ENV")]
    [InlineData("DATABASE_URL")]
    [InlineData("GATEWAY_PROT")]
    [InlineData("PATH")]
    public void A_key_of_ours_and_one_of_somebody_elses_is_none(string key) => Assert.Empty(Validate(key));

    [Theory]
    [InlineData("AUHT__PASSWORD", 0)]
    [InlineData("OAUTH__CLIENT", 0)]
    [InlineData("AUHT__SHAREDSECRET", 1)]
    public void In_the_environment_which_others_share_a_section_must_have_one_of_our_keys_to_be_a_mistake(string name, int faults)
    {
        // Its own prefix keeps the variable apart from those of other tests.
        var prefix = $"T{Guid.NewGuid():N}_";
        Environment.SetEnvironmentVariable(prefix + name, "x");
        try
        {
            Assert.Equal(faults, SettingKeys.Validate(new ConfigurationBuilder().AddEnvironmentVariables(prefix).Build()).Count());
        }
        finally
        {
            Environment.SetEnvironmentVariable(prefix + name, null);
        }
    }

    [Theory]
    [MemberData(nameof(Times))]
    public void A_time_that_no_timer_takes_is_a_fault(string time)
    {
        foreach (var value in new[] { TimeSpan.MaxValue, TimeSpan.FromDays(25), TimeSpan.FromSeconds(-1), TimeSpan.Zero })
        {
            var (type, property) = (OptionsTypes().First(t => t.FullName == time.Split('/')[0]), time.Split('/')[1]);
            var options = (IValidatedOptions)Activator.CreateInstance(type)!;
            type.GetProperty(property)!.SetValue(options, value);

            var faults = ValidatedOptions.FaultsOf(options, SettingKeys.SectionOf(type));

            Assert.True(
                (value == TimeSpan.Zero && (MayBeZero.Contains(property) || type == typeof(QueueOptions)))
                    || faults.Any(f => f.Contains($":{property}", StringComparison.Ordinal)),
                $"{property} = {value}");
        }
    }

    private static IEnumerable<string> Validate(string key) =>
        SettingKeys.Validate(new ConfigurationBuilder().AddInMemoryCollection([new(key, "1")]).Build());

    private static IEnumerable<Type> OptionsTypes() =>
        new[] { typeof(HostOptions), typeof(MandelboxOptions), typeof(GatewayOptions), typeof(OptionsCheck) }
            .SelectMany(t => t.Assembly.GetTypes())
            .Where(t => typeof(IValidatedOptions).IsAssignableFrom(t) && t.IsClass);
}
