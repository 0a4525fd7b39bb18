using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using HostService.Machine.UserConfigs.Archive;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Machine.UserConfigs;

/// <summary>User configs in S3 (B22). Streams both ways: memory does not grow with what is stored.</summary>
internal sealed partial class S3UserConfigStore(
    IOptions<UserConfigsOptions> options, TimeProvider clock, ILogger<S3UserConfigStore> log) : IUserConfigStore, IDisposable
{
    /// <summary>Of each request, and of a transfer that began well and ended badly.</summary>
    private const int Tries = 3;
    private readonly UserConfigsOptions _options = options.Value;

    // Made on first use: looking for a region may ask the network, which must not hold up the start of the service, nor, having failed
    // once, all that comes later.
    private readonly Lazy<AmazonS3Client> _s3 = new(() => S3Clients.Create(options.Value, Tries), LazyThreadSafetyMode.PublicationOnly);

    public Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
        Bounded(
            _options.FetchTimeout,
            FetchFailed,
            token => FetchWithTriesAsync(key.ObjectKey, encryptionToken, directory, token),
            cancellationToken);

    public Task<SaveAnswer> SaveAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
        Bounded(
            _options.SaveTimeout,
            static reason => new SaveAnswer(Saved: false, reason),
            token => SaveWithTriesAsync(key.ObjectKey, encryptionToken, directory, token),
            cancellationToken);

    public void Dispose()
    {
        if (_s3.IsValueCreated)
            _s3.Value.Dispose();
    }

    private static FetchAnswer FetchFailed(string reason) => new(FetchOutcome.Failed, reason);

    /// <summary>
    /// Runs on the thread pool, because ciphers and compression would hold a grain's turn, and turns whatever goes wrong into an answer.
    /// </summary>
    private async Task<T> Bounded<T>(
        TimeSpan limit, Func<string, T> failed, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            return await Task.Run(() => work(either.Token), either.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return failed($"it took longer than {limit.TotalSeconds:0} s");
        }
        catch (DllNotFoundException)
        {
            return failed("liblz4.so.1 is not installed: apt-get install liblz4-1");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The boundary that the interface promises: the caller logs the reason, and a mandelbox starts or ends without its configs.
            return failed(Explain(e));
        }
    }

    private async Task<FetchAnswer> FetchWithTriesAsync(string key, string token, string directory, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await FetchOnceAsync(key, token, directory, cancellationToken);
            }
            catch (BrokenTransferException e) when (attempt < Tries)
            {
                TransferBroke(key, attempt, e.Message);
            }
        }
    }

    private async Task<FetchAnswer> FetchOnceAsync(string key, string token, string directory, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _s3.Value.GetObjectAsync(_options.Bucket, key, cancellationToken);
            using var staging = StagingDirectory.Beside(directory);
            var leftOut = await UnpackAsync(answer.ResponseStream, token, staging.Path, cancellationToken);
            staging.MoveInto(directory);
            if (leftOut > 0)
                LinksLeftOut(key, leftOut);
            return new FetchAnswer(FetchOutcome.Restored);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound && e.ErrorCode is "NoSuchKey" or "NotFound")
        {
            return new FetchAnswer(FetchOutcome.FirstRun);
        }
        catch (DamagedArchiveException e)
        {
            return FetchFailed($"the stored archive was not unpacked: {e.Message}");
        }
    }

    private async Task<int> UnpackAsync(Stream body, string token, string directory, CancellationToken cancellationToken)
    {
        try
        {
            return await ConfigArchive.ReadAsync(body, token, directory, Limits, cancellationToken);
        }
        catch (IOException e) when (e is HttpIOException || e.InnerException is SocketException or HttpIOException)
        {
            // The SDK has tried until there was an answer; that its body broke off is ours to try again. A full disk would not get better
            // by that.
            throw new BrokenTransferException(e.Message, e);
        }
    }

    private async Task<SaveAnswer> SaveWithTriesAsync(string key, string token, string directory, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await SaveOnceAsync(key, token, directory, cancellationToken);
                return new SaveAnswer(Saved: true);
            }
            catch (IntegrityException e) when (attempt < Tries)
            {
                TransferBroke(key, attempt, e.Message);
            }
        }
    }

    private async Task SaveOnceAsync(string key, string token, string directory, CancellationToken cancellationToken)
    {
        await using var upload = await MultipartUpload.BeginAsync(_s3.Value, _options.Bucket, key, cancellationToken);
        try
        {
            await ConfigArchive.WriteAsync(directory, token, upload, Limits, cancellationToken);
            await upload.CompleteAsync(cancellationToken);
        }
        catch
        {
            await AbortAsync(upload, key);
            throw;
        }
    }

    /// <summary>With a deadline of its own: the reason for giving up may be that the caller's has passed.</summary>
    private async Task AbortAsync(MultipartUpload upload, string key)
    {
        using var deadline = new CancellationTokenSource(_options.RequestTimeout, clock);
        try
        {
            await upload.AbortAsync(deadline.Token);
        }
        catch (Exception e)
        {
            // Why the save failed matters more and is on its way to the caller; parts that stay behind cost storage, so say where they are.
            PartsLeftBehind(key, e.Message);
        }
    }

    private ArchiveLimits Limits => new(_options.MaxUnpackedBytes, _options.MaxEntries);

    private static string Explain(Exception e) => e switch
    {
        AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden } denied =>
            $"the store denies access ({denied.ErrorCode}); a missing object looks the same unless the role may s3:ListBucket",
        AmazonServiceException { ErrorCode.Length: > 0 } refused => $"the store answered {refused.ErrorCode}: {refused.Message}",
        _ => e.Message,
    };

    private sealed class BrokenTransferException(string message, Exception inner) : Exception(message, inner);
}
