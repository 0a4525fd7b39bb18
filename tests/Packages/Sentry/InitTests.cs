using Sentry;

namespace HostService.Tests.Packages.Sentry;

public sealed class InitTests : SentryTest
{
    [Fact]
    public void Without_a_dsn_initialising_fails() => Assert.Throws<ArgumentNullException>(() => SentrySdk.Init(_ => { }));

    [Fact]
    public void An_empty_dsn_switches_the_sdk_off()
    {
        using var handle = SentrySdk.Init(options => options.Dsn = "");

        Assert.False(SentrySdk.IsEnabled);
        Assert.Equal(SentryId.Empty, SentrySdk.CaptureException(new InvalidOperationException()));
    }

    [Theory]
    [InlineData("http://127.0.0.1/42")]
    [InlineData("http://key@127.0.0.1/")]
    public void A_dsn_without_key_or_project_is_refused_at_once(string dsn)
        => Assert.Throws<ArgumentException>(() => SentrySdk.Init(options => options.Dsn = dsn));

    [Fact]
    public void A_dsn_that_is_no_address_is_refused_at_once()
        => Assert.Throws<UriFormatException>(() => SentrySdk.Init(options => options.Dsn = "no address"));

    [Fact]
    public async Task Before_it_is_initialised_and_after_it_is_closed_every_call_does_nothing()
    {
        Assert.Equal(SentryId.Empty, SentrySdk.CaptureMessage("nobody hears"));
        Init();
        Assert.True(SentrySdk.IsEnabled);

        SentrySdk.Close();

        Assert.False(SentrySdk.IsEnabled);
        SentrySdk.AddBreadcrumb("nobody sees");
        SentrySdk.ConfigureScope(scope => scope.SetTag("nobody", "reads"));
        Assert.Equal(SentryId.Empty, SentrySdk.CaptureMessage("nobody hears"));
        await SentrySdk.FlushAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Server.Unread);
    }

    [Fact]
    public void Disposing_what_init_gave_closes_the_sdk()
    {
        using (SentrySdk.Init(Server.Dsn))
        {
            Assert.True(SentrySdk.IsEnabled);
        }

        Assert.False(SentrySdk.IsEnabled);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-0.5f)]
    [InlineData(1.5f)]
    public void A_sample_rate_beyond_its_range_is_refused(float rate)
        => Assert.Throws<InvalidOperationException>(() => new SentryOptions().SampleRate = rate);

    [Fact]
    public void A_queue_without_room_is_refused()
        => Assert.Throws<ArgumentOutOfRangeException>(() => new SentryOptions().MaxQueueItems = 0);
}
