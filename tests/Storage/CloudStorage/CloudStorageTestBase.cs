using System.Globalization;
using HostService.GrainInterfaces;
using HostService.Infrastructure;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Storage.CloudStorage;

/// <summary>A real rclone with a provider that is a local directory.</summary>
public abstract class CloudStorageTestBase : IAsyncLifetime
{
    protected const string Rclone = "rclone";
    protected const string Fuse = "fusermount3";
    protected const string FuseDevice = "/dev/fuse";

    /// <summary>Found nowhere else on this machine.</summary>
    private readonly string _secret = Guid.NewGuid().ToString("N");

    internal ManualClock Clock { get; } = new();

    internal RecordingLogger<RcloneCloudStorage> Log { get; } = new();

    internal RcloneCloudStorage Storage { get; private set; } = null!;

    protected ScratchDirectory Scratch { get; } = new();

    protected string Mandelbox { get; } = "m-" + Guid.NewGuid().ToString("N")[..8];

    protected string Secret => _secret;

    /// <summary>The drive's own content.</summary>
    protected string Backing => Scratch.Directory("backing");

    protected string CloudRoot => Scratch.Directory("cloud");

    protected string MountPoint => Path.Combine(CloudRoot, Mandelbox, "Local Drive");

    internal Dictionary<string, CloudProvider> Providers { get; } = new(StringComparer.Ordinal);

    public virtual Task InitializeAsync()
    {
        Providers["local"] = new CloudProvider { Type = "alias", Directory = "Local Drive", Options = { ["remote"] = Backing } };
        Storage = Create(TimeProvider.System);
        return Task.CompletedTask;
    }

    public virtual async Task DisposeAsync()
    {
        await Storage.UnmountAllAsync(Mandelbox, CancellationToken.None);
        Scratch.Dispose();
    }

    internal RcloneCloudStorage Create(TimeProvider clock, string rclone = Rclone) => new(
        Options.Create(new CloudStorageOptions { Rclone = rclone, Providers = Providers }),
        Options.Create(new HostOptions { Root = Scratch.Directory("root"), CloudStorageRoot = CloudRoot }),
        clock,
        Log);

    protected Task<string?> MountAsync(string provider = "local") => Storage.MountAsync(Mandelbox, Drive(provider), CancellationToken.None);

    protected CloudDrive Drive(string provider) => new()
    {
        Provider = provider,
        AccessToken = "access-" + _secret,
        RefreshToken = "refresh-" + _secret,
        ClientSecret = "client-" + _secret,
        ClientId = "id",
        TokenType = "Bearer",
        Expiry = "2021-10-03T04:05:06Z",
    };

    /// <summary>The rclone processes that this test's storage has running.</summary>
    protected IReadOnlyList<int> RclonePids() =>
        [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).OfType<string>().Where(name => name.All(char.IsAsciiDigit))
            .Where(pid => CommandLine(pid) is { } line && line.Contains("rclone\0mount", StringComparison.Ordinal) && line.Contains(
                Scratch.Path, StringComparison.Ordinal))
            .Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))];

    /// <summary>Null where the process has ended meanwhile.</summary>
    private static string? CommandLine(string pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (IOException)
        {
            return null;
        }
    }
}
