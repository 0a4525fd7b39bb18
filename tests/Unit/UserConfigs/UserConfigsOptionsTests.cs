using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.UserConfigs;

public sealed class UserConfigsOptionsTests
{
    [Fact]
    public void The_key_is_the_one_that_existing_archives_have() =>
        Assert.Equal(
            "google-oauth2|1/prod/browsers/chrome/fractal-app-config.tar.lz4.enc",
            new UserConfigKey("google-oauth2|1", "prod", "browsers/chrome").ObjectKey);

    [Theory]
    [InlineData(true, null, null, true)]
    [InlineData(false, null, null, false)]
    [InlineData(false, "http://127.0.0.1:1", null, true)]
    [InlineData(false, "http://127.0.0.1:1", "false", false)]
    [InlineData(true, null, "false", false)]
    [InlineData(false, null, "true", true)]
    public void They_are_on_where_deployed_or_where_a_server_is_named(bool deployed, string? url, string? enabled, bool on)
    {
        using var provider = Provider(deployed, ("ServiceUrl", url), ("Enabled", enabled));
        Assert.Equal(on, provider.GetRequiredService<IUserConfigStore>() is S3UserConfigStore);
    }

    [Fact]
    public void All_faults_are_named_at_once()
    {
        using var provider = Provider(
            true, ("Bucket", " "), ("ServiceUrl", "s3"), ("AccessKey", "only"), ("MaxEntries", "0"), ("FetchTimeout", "00:00:00"));
        var faults = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<UserConfigsOptions>>().Value)
            .Failures.ToArray();
        Assert.Equal(5, faults.Length);
        Assert.All(faults, fault => Assert.StartsWith("UserConfigs:", fault, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_they_are_off_nothing_is_fetched_no_key_is_derived_and_nothing_is_a_failure()
    {
        await using var provider = Provider(false);
        var store = provider.GetRequiredService<IUserConfigStore>();
        var key = new UserConfigKey("u", "dev", "a");
        Assert.Null(store.NewKey("token"));
        Assert.Equal(new FetchAnswer(FetchOutcome.Off), await store.FetchAsync(key, "token", "/nowhere", CancellationToken.None));
        Assert.Equal(new SaveAnswer(Saved: false, Reason: null), await store.SaveAsync(key, ArchiveKey.New("token"), "/nowhere", CancellationToken.None));
    }

    private static ServiceProvider Provider(bool deployed, params (string Key, string? Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                settings.Where(s => s.Value is not null).Select(s => KeyValuePair.Create("UserConfigs:" + s.Key, s.Value)))
            .Build();
        return new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System)
            .AddUserConfigs(deployed).BuildServiceProvider();
    }
}
