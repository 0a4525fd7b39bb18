using HostService.GrainInterfaces;
using HostService.Infrastructure.Backend.Webserver;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Webserver;

public sealed class WebserverSettingsTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    public async Task Without_an_address_it_is_off_and_the_facts_are_never_asked_for(string? url)
    {
        await using var services = Services(("Webserver:Url", url));
        var webserver = services.GetRequiredService<IWebserver>();

        Assert.IsType<NoWebserver>(webserver);
        await webserver.RunAsync(default);
        await webserver.SendDyingHeartbeatAsync(default);
    }

    [Fact]
    public async Task With_an_address_it_is_on()
    {
        await using var services = Services(("Webserver:Url", "https://webserver.example.com/base/"));

        Assert.IsType<HttpWebserver>(services.GetRequiredService<IWebserver>());
    }

    [Theory]
    [InlineData("webserver.example.com", "00:00:10", "Webserver:Url must be an absolute http(s) address without a query, but is "
        + "\"webserver.example.com\".")]
    [InlineData("ftp://h/", "00:00:10", "Webserver:Url must be")]
    [InlineData("https://h/?a=b", "00:00:10", "Webserver:Url must be")]
    [InlineData("https://h/", "00:00:00", "Webserver:Timeout must be over 0 and at most 1 minute, but is 00:00:00.")]
    public async Task A_fault_in_the_settings_is_named(string url, string timeout, string expected)
    {
        await using var services = Services(("Webserver:Url", url), ("Webserver:Timeout", timeout));

        var e = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<WebserverOptions>>().Value);

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_heartbeats_time_is_RFC_3339_in_UTC_with_the_fraction_that_there_is()
    {
        var at = new DateTimeOffset(2026, 3, 4, 5, 6, 7, 89, TimeSpan.FromHours(2));

        var facts = new WebserverFacts(new HostIdentity("name", "i", "t", "ami", "region", "203.0.113.7"), new MachineFigures { At = at });

        Assert.Equal("2026-03-04T03:06:07.089Z", HeartbeatRequest.Of(facts, "token", at, 0, false).Timestamp);
    }

    private static ServiceProvider Services(params (string Key, string? Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => s.Value)).Build();
        return new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System)
            .AddWebserver(_ => throw new InvalidOperationException("The facts were asked for."))
            .BuildServiceProvider();
    }
}
