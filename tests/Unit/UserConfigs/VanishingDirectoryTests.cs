using System.Security.Cryptography;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.UserConfigs;

/// <summary>What is left of a directory that somebody removes is not what its user has set.</summary>
public sealed class VanishingDirectoryTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    private string Source => _scratch.Directory("source");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_directory_that_is_removed_while_it_is_packed_makes_no_archive() =>
        await FailsAsync(() => Directory.Delete(Source, recursive: true), "was removed while it was packed");

    [Fact]
    public async Task A_directory_that_is_emptied_while_it_is_packed_makes_no_archive() =>
        await FailsAsync(() => Array.ForEach(Directory.GetFiles(Source), File.Delete), "was emptied while it was packed");

    [Fact]
    public async Task A_directory_whose_place_another_takes_makes_no_archive() =>
        await FailsAsync(
            () =>
            {
                Directory.Move(Source, _scratch["moved"]);
                Directory.CreateDirectory(_scratch["source"]);
            },
            "was removed while it was packed");

    [Fact]
    public async Task Some_files_of_many_may_go()
    {
        Fill();
        using var output = new Meddler(() => File.Delete(Path.Combine(Source, "3")));
        await ConfigArchive.WriteAsync(Source, ArchiveKey.New(ArchiveBytes.Token), output, ArchiveBytes.Limits, CancellationToken.None);
        await ArchiveBytes.UnpackAsync(output.ToArray(), _scratch.Directory("target"));
    }

    private async Task FailsAsync(Action meddle, string reason)
    {
        Fill();
        var path = Source;
        using var output = new Meddler(meddle);
        var failure = await Assert.ThrowsAnyAsync<IOException>(
            () => ConfigArchive.WriteAsync(path, ArchiveKey.New(ArchiveBytes.Token), output, ArchiveBytes.Limits, CancellationToken.None));
        if (Directory.Exists(path))
        {
            Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        }
    }

    private void Fill()
    {
        for (var i = 0; i < 10; i++)
        {
            File.WriteAllBytes(Path.Combine(Source, $"{i}"), RandomNumberGenerator.GetBytes(300_000));
        }
    }

    /// <summary>Does something once, when the archive has begun.</summary>
    private sealed class Meddler(Action meddle) : MemoryStream
    {
        private Action? _meddle = meddle;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length > ArchiveKey.HeaderLength)
            {
                Interlocked.Exchange(ref _meddle, null)?.Invoke();
            }

            return base.WriteAsync(buffer, cancellationToken);
        }
    }
}
