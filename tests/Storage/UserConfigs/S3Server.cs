using System.Diagnostics;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.UserConfigs;

/// <summary>A real S3 server (npm's s3rver) on a loopback port of its own choice, with two empty buckets; ended by its pid.</summary>
public sealed class S3Server : IAsyncLifetime
{
    public const string Bucket = "fractal-user-app-configs";

    /// <summary>No test writes to it.</summary>
    public const string EmptyBucket = "empty";

    private readonly ScratchDirectory _data = new();
    private Process? _process;
    private Task _log = Task.CompletedTask;

    public string Url { get; private set; } = "";

    public async Task InitializeAsync()
    {
        // Tests that need it skip themselves; a fixture cannot.
        if (Needs.FirstMissing(["node", Needs.S3Server]) is not null)
        {
            return;
        }

        var start = new ProcessStartInfo("node") { UseShellExecute = false, RedirectStandardOutput = true };
        var program = Path.Combine(Needs.NpmPackage("s3rver")!, "bin/s3rver.js");
        foreach (var argument in (string[])
            [program, "-d", _data.Path, "-a", "127.0.0.1", "-p", "0", "--no-vhost-buckets", "--configure-bucket", Bucket, "--configure-bucket", EmptyBucket])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (Url.Length == 0)
        {
            var line = await _process.StandardOutput.ReadLineAsync(deadline.Token) ?? throw new InvalidOperationException(
                "s3rver ended before it listened.");
            if (line.Contains("listening on", StringComparison.Ordinal))
            {
                Url = "http://" + line.Split(' ')[^1];
            }
        }

        // Read on, so that its request log never fills the pipe.
        _log = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            await _log;
            _process.Dispose();
        }

        _data.Dispose();
    }
}

[CollectionDefinition(nameof(S3Server))]
public sealed class S3ServerTests : ICollectionFixture<S3Server>;
