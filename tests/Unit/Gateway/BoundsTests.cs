using System.Net;
using HostService.Gateway;
using HostService.Gateway.Authentication;
using HostService.Gateway.Limits;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Gateway;

/// <summary>What strangers can make the gateway remember has an end.</summary>
public sealed class BoundsTests
{
    [Fact]
    public void However_many_addresses_fail_a_bounded_number_is_remembered()
    {
        var clock = new ManualClock();
        var limiter = new FailureLimiter(Options.Create(new AuthOptions { FailuresPerMinute = 1 }), clock);
        var most = 0;

        for (var i = 0; i < 3 * FailureLimiter.MostCallers; i++)
        {
            var address = new IPAddress(0x0A000000L + i);
            Assert.True(limiter.Failed(address, CredentialKind.User));
            Assert.NotNull(limiter.BlockedFor(address, CredentialKind.User));
            most = Math.Max(most, limiter.Callers);
        }

        Assert.InRange(most, FailureLimiter.MostCallers / 2, FailureLimiter.MostCallers);
    }

    [Fact]
    public void Callers_whose_minute_is_over_make_room_for_others()
    {
        var clock = new ManualClock();
        var limiter = new FailureLimiter(Options.Create(new AuthOptions { FailuresPerMinute = 1 }), clock);
        for (var i = 0; i < FailureLimiter.MostCallers - 1; i++)
        {
            limiter.Failed(new IPAddress(0x0A000000L + i), CredentialKind.User);
        }

        clock.Advance(TimeSpan.FromMinutes(1));
        var late = IPAddress.Parse("192.0.2.1");
        limiter.Failed(late, CredentialKind.User);

        limiter.Failed(IPAddress.Parse("192.0.2.2"), CredentialKind.User);

        Assert.Equal(2, limiter.Callers);
        Assert.NotNull(limiter.BlockedFor(late, CredentialKind.User));
    }

    [Fact]
    public void What_an_address_holds_is_bounded_and_so_is_what_all_hold()
    {
        var quota = Quota(total: 5, perAddress: 2);
        var first = Take(quota, "192.0.2.1", 2)!;
        var second = Take(quota, "192.0.2.2", 2)!;

        Assert.Null(Take(quota, "192.0.2.1", 1));
        Assert.Null(Take(quota, "192.0.2.3", 2));
        using var third = Take(quota, "192.0.2.3", 1)!;
        Assert.False(third.TryAdd(1));
        Assert.Equal(5, quota.Held);

        first.Dispose();
        first.Dispose();
        Assert.Equal(3, quota.Held);
        Assert.True(third.TryAdd(1));
        second.Dispose();
        Assert.NotNull(Take(quota, "192.0.2.1", 2));
    }

    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", false)]
    [InlineData("2001:db8::1", "2001:db8::ffff:1", false)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", true)]
    [InlineData("127.0.0.1", "127.0.0.1", true)]
    [InlineData("::1", "::ffff:127.0.0.1", true)]
    [InlineData("127.0.0.1", "127.0.0.1", false, "192.0.2.9")]
    [InlineData("192.0.2.1", "192.0.2.1", false, "127.0.0.1")]
    [InlineData("10.8.0.1", "::ffff:10.8.0.1", true)]
    public void A_caller_is_an_ipv4_address_or_an_ipv6_network_unless_it_is_trusted(
        string one, string other, bool both, string? local = null)
    {
        var quota = Quota(total: 2, perAddress: 1);

        Assert.NotNull(Take(quota, one, 1, local));
        Assert.Equal(both, Take(quota, other, 1, local) is not null);
    }

    [Fact]
    public void Strangers_and_trusted_networks_cannot_take_from_each_other()
    {
        var quota = Quota(total: 2, perAddress: 2);

        foreach (var address in new[] { "192.0.2.1", "10.8.0.1" })
        {
            Assert.NotNull(Take(quota, address, 2));
            Assert.Null(Take(quota, address, 1));
        }
    }

    [Fact]
    public void Lines_that_are_left_out_are_counted()
    {
        var clock = new ManualClock();
        var lines = new LogLineLimit(2, clock);

        Assert.Equal([true, true, false, false], Enumerable.Range(0, 4).Select(_ => lines.TryTake(out var _)));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(lines.TryTake(out var leftOut));
        Assert.Equal(2, leftOut);
        Assert.True(lines.TryTake(out leftOut));
        Assert.Equal(0, leftOut);
    }

    private static ClientQuota Quota(long total, long perAddress) =>
        new(total, perAddress, new TrustedNetworks(Options.Create(new GatewayOptions { TrustedNetworks = "10.8.0.0/16" })), _ => { });

    private static ClientQuota.Lease? Take(ClientQuota quota, string remote, long amount, string? local = null) =>
        quota.TryTake(IPAddress.Parse(remote), IPAddress.Parse(local ?? "127.0.0.1"), amount);
}
