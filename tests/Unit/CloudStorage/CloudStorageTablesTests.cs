using HostService.Infrastructure.Linux.Mounts;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.CloudStorage;

public sealed class CloudStorageTablesTests
{
    [Fact]
    public void The_mount_table_is_read_with_its_escapes_and_its_propagation()
    {
        var mounts = MountTable.Parse(
        [
            @"43 27 0:39 / /fractalCloudStorage/m/Google\040Drive rw,nosuid shared:7 master:2 - fuse.rclone fractal: rw,user_id=0",
            "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
        ]);
        Assert.Equal([new Mount("/fractalCloudStorage/m/Google Drive", "fractal:", Shared: true), new Mount("/", "/dev/vda", Shared: false)], mounts);
    }

    [Fact]
    public void A_path_lies_on_the_nearest_mount() => Assert.Equal("/proc", MountTable.Of("/proc/self").Path);

    [Theory]
    [InlineData("m-1", true)]
    [InlineData("Google Drive", true)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("..", false)]
    [InlineData("a/b", false)]
    public void A_name_is_one_name(string name, bool good) => Assert.Equal(good, PathNames.IsOne(name));

    [Fact]
    public void A_configured_provider_joins_those_that_are_known()
    {
        var options = Options(
            ("Providers:local:Type", "alias"), ("Providers:local:Directory", "Local"), ("Providers:local:Options:remote", "/srv"));
        Assert.Equal(["dropbox", "google_drive", "local"], options.Providers.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("Google Drive", options.Providers["google_drive"].Directory);
        Assert.Equal("/srv", options.Providers["local"].Options["remote"]);
    }

    [Fact]
    public void All_faults_are_named_at_once() =>
        Assert.Equal(
            4,
            Assert.Throws<OptionsValidationException>(
                () => Options(("Rclone", ""), ("MountTimeout", "0"), ("Providers:x:Type", ""), ("Providers:x:Directory", "..")))
                .Failures.Count());

    [Fact]
    public void Files_that_were_not_uploaded_are_counted()
    {
        using var cache = new ScratchDirectory();
        cache.Directory("vfsMeta/remote/deep");
        File.WriteAllText(cache["vfsMeta/remote/clean"], """{ "Size": 1, "Dirty": false }""");
        File.WriteAllText(cache["vfsMeta/remote/deep/.dirty"], """{ "Size": 1, "Dirty": true }""");
        File.WriteAllText(cache["vfsMeta/remote/torn"], """{ "Size": """);
        Assert.Equal(2, RcloneCache.CountUnsaved(cache.Path));
        Assert.Equal(0, RcloneCache.CountUnsaved(cache["nothing"]));
    }

    private static CloudStorageOptions Options(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create("CloudStorage:" + s.Key, (string?)s.Value)))
            .Build();
        using var provider = new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System)
            .AddCloudStorage().BuildServiceProvider();
        return provider.GetRequiredService<IOptions<CloudStorageOptions>>().Value;
    }
}
