using System.Diagnostics.Metrics;
using System.Net;
using HostService.Gateway;
using HostService.Gateway.Authentication;
using HostService.Gateway.Metrics;
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
            limiter.Failed(new IPAddress(0x0A000000L + i), CredentialKind.User);
        clock.Advance(TimeSpan.FromMinutes(1));
        var late = IPAddress.Parse("192.0.2.1");
        limiter.Failed(late, CredentialKind.User);

        limiter.Failed(IPAddress.Parse("192.0.2.2"), CredentialKind.User);

        Assert.Equal(2, limiter.Callers);
        Assert.NotNull(limiter.BlockedFor(late, CredentialKind.User));
    }

    [Fact]
    public void A_label_that_is_different_each_time_ends_as_one_series()
    {
        using var meter = new Meter("HostService.Tests.Bounds");
        var readings = new InstrumentReadings(meter.CreateCounter<long>("things"));

        for (var i = 0; i < 2 * InstrumentReadings.MostSeries; i++)
            readings.Record(1, [new KeyValuePair<string, object?>("id", i)]);

        var text = new PrometheusText();
        readings.Write(text);
        var lines = text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains($"things_total{{overflow=\"true\"}} {InstrumentReadings.MostSeries}", lines);
        Assert.Equal(2 + InstrumentReadings.MostSeries + 1, lines.Length);
    }
}
