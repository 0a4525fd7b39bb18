using System.Net;
using System.Security.Cryptography;
using HostService.Gateway.Authentication;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Gateway.Authentication;

public sealed class RefusalLogTests
{
    [Fact]
    public async Task However_many_addresses_send_bad_credentials_the_log_grows_by_a_bounded_number_of_lines_a_minute()
    {
        var clock = new ManualClock();
        var log = new RecordingLogger<Authenticator>();
        await using var host = await GatewayHost.StartAsync(HostEnvironment.Prod, null, clock, ("Auth:SharedSecret", "a secret"));
        var authenticator = ActivatorUtilities.CreateInstance<Authenticator>(host.Services, log);

        await RefuseAsync(authenticator, 300);
        Assert.Equal(100, log.Lines.Count);

        clock.Advance(TimeSpan.FromMinutes(1));
        await RefuseAsync(authenticator, 1);
        Assert.Equal(102, log.Lines.Count);
        Assert.Contains("200 refused credentials", log.Lines[100], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_is_logged_with_its_reason_in_plain_words()
    {
        var clock = new ManualClock();
        var log = new RecordingLogger<Authenticator>();
        await using var issuer = await Issuer.StartAsync();
        await using var host = await GatewayHost.StartAsync(HostEnvironment.Prod, null, clock, ("Auth:Issuer", issuer.Url));
        var authenticator = ActivatorUtilities.CreateInstance<Authenticator>(host.Services, log);
        var claims = issuer.Claims(clock.GetUtcNow());
        using var other = RSA.Create(2048);

        foreach (var token in new[] { "rubbish", issuer.Sign(claims, key: other), issuer.Sign(claims, "unknown", other) })
        {
            await authenticator.BackendAsync(IPAddress.Loopback, token, CancellationToken.None);
        }

        Assert.Collection(
            log.Lines,
            line => Assert.EndsWith("it is not a JSON web token", line, StringComparison.Ordinal),
            line => Assert.EndsWith("the issuer's key did not sign it", line, StringComparison.Ordinal),
            line => Assert.EndsWith("the issuer has no key with its key id", line, StringComparison.Ordinal));

        // The lines have the client's address.
        Assert.All(log.EventNames, name => Assert.StartsWith(LogEvents.UserData, name, StringComparison.Ordinal));
    }

    private static async Task RefuseAsync(Authenticator authenticator, int times)
    {
        for (var i = 0; i < times; i++)
        {
            Assert.Null((await authenticator.BackendAsync(new IPAddress(0x0A000000L + i), "wrong", CancellationToken.None)).Id);
        }
    }
}
