using System.Diagnostics;
using System.Globalization;
using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Storage.UserConfigs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Storage;

/// <summary>
/// What tests need in a process of its own. <c>round-trip URL BUCKET SOURCE TARGET</c> saves a directory and fetches it again, and says
/// what that took: <c>kb-before kb-at-most save-ms fetch-ms</c>. <c>mount CLOUD-ROOT MANDELBOX BACKING</c> mounts a drive, says
/// <c>mounted</c> and waits to be killed.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["round-trip", var url, var bucket, var source, var target]:
                await RoundTripAsync(url, bucket, source, target);
                return 0;
            case ["mount", var cloudRoot, var mandelbox, var backing]:
                await MountAsync(cloudRoot, mandelbox, backing);
                return 0;
            default:
                await Console.Error.WriteLineAsync("usage: round-trip URL BUCKET SOURCE TARGET | mount CLOUD-ROOT MANDELBOX BACKING");
                return 2;
        }
    }

    private static async Task MountAsync(string cloudRoot, string mandelbox, string backing)
    {
        using var loggers = LoggerFactory.Create(_ => { });
        var options = new CloudStorageOptions
        {
            Providers = { ["local"] = new CloudProvider { Type = "alias", Directory = "Local Drive", Options = { ["remote"] = backing } } },
        };
        var storage = new RcloneCloudStorage(
            Options.Create(options),
            Options.Create(new HostOptions { CloudStorageRoot = cloudRoot }),
            TimeProvider.System,
            loggers.CreateLogger<RcloneCloudStorage>());
        var refusal = await storage.MountAsync(
            mandelbox, new CloudDrive { Provider = "local", AccessToken = "token" }, CancellationToken.None);
        await Console.Out.WriteLineAsync(refusal ?? "mounted");
        await new TaskCompletionSource().Task;
    }

    private static async Task RoundTripAsync(string url, string bucket, string source, string target)
    {
        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = url, Bucket = bucket });

        // A small one first: what the runtime and the AWS SDK take is there in the service anyway.
        var small = Directory.CreateDirectory(target + ".small").FullName;
        await RoundTripAsync(store, new UserConfigKey("small", "dev", "app"), small, small + ".fetched");
        await File.WriteAllTextAsync("/proc/self/clear_refs", "5");
        var baseline = Status("VmHWM");

        var (saving, fetching) = await RoundTripAsync(store, new UserConfigKey("memory", "dev", "app"), source, target);
        await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{baseline} {Status("VmHWM")} {saving} {fetching}"));
    }

    private static async Task<(long Saving, long Fetching)> RoundTripAsync(
        S3UserConfigStore store, UserConfigKey key, string source, string target)
    {
        var clock = Stopwatch.StartNew();
        var saved = await store.SaveAsync(key, ArchiveKey.New(Stores.Token), source, CancellationToken.None);
        var saving = clock.ElapsedMilliseconds;
        var fetched = await store.FetchAsync(key, Stores.Token, target, CancellationToken.None);
        return saved.Saved && fetched.Outcome == FetchOutcome.Restored
            ? (saving, clock.ElapsedMilliseconds - saving)
            : throw new InvalidOperationException($"{saved} {fetched}");
    }

    /// <summary>Kilobytes of this process, the runtime's and native memory alike.</summary>
    private static long Status(string figure)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(figure + ":", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
    }
}
