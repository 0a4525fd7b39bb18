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

    [Fact]
    public async Task An_installation_has_an_id_that_is_kept_in_a_file_where_files_may_be_written()
    {
        const string Variable = "XDG_DATA_HOME";
        var before = Environment.GetEnvironmentVariable(Variable);
        var home = Directory.CreateTempSubdirectory("sentry-");
        Environment.SetEnvironmentVariable(Variable, home.FullName);
        try
        {
            Init();
            SentrySdk.CaptureMessage("leaves nothing");
            Assert.NotEmpty(await NextUserIdAsync());
            Assert.Empty(home.EnumerateFileSystemInfos());

            Init(options => options.DisableFileWrite = false);
            SentrySdk.CaptureMessage("leaves its id");
            var id = await NextUserIdAsync();
            var file = Assert.Single(home.EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }));
            Assert.Equal(id, await File.ReadAllTextAsync(file.FullName));

            Init(options => options.DisableFileWrite = false);
            SentrySdk.CaptureMessage("finds its id");
            Assert.Equal(id, await NextUserIdAsync());
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
            home.Delete(recursive: true);
        }
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

    private async Task<string> NextUserIdAsync() => (await Server.NextEventAsync()).GetProperty("user").GetProperty("id").GetString()!;
}
