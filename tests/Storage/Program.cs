using System.Diagnostics;
using System.Globalization;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Storage.UserConfigs;

namespace HostService.Tests.Storage;

/// <summary>
/// Saves a directory and fetches it again in a process of its own, and says what that took:
/// <c>round-trip URL BUCKET SOURCE TARGET</c> → <c>kb-before kb-at-most save-ms fetch-ms</c>.
/// </summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not ["round-trip", var url, var bucket, var source, var target])
        {
            await Console.Error.WriteLineAsync("usage: round-trip URL BUCKET SOURCE TARGET");
            return 2;
        }

        using var store = Stores.Create(new UserConfigsOptions { ServiceUrl = url, Bucket = bucket });

        // A small one first: what the runtime and the AWS SDK take is there in the service anyway.
        var small = Directory.CreateDirectory(target + ".small").FullName;
        await RoundTripAsync(store, new UserConfigKey("small", "dev", "app"), small, small + ".fetched");
        await File.WriteAllTextAsync("/proc/self/clear_refs", "5");
        var baseline = Status("VmHWM");

        var (saving, fetching) = await RoundTripAsync(store, new UserConfigKey("memory", "dev", "app"), source, target);
        await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{baseline} {Status("VmHWM")} {saving} {fetching}"));
        return 0;
    }

    private static async Task<(long Saving, long Fetching)> RoundTripAsync(S3UserConfigStore store, UserConfigKey key, string source, string target)
    {
        var clock = Stopwatch.StartNew();
        var saved = await store.SaveAsync(key, Stores.Token, source, CancellationToken.None);
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
