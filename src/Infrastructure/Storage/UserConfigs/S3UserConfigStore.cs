using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using HostService.Infrastructure.Storage.UserConfigs.Archive;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>User configs in S3 (B22). Streams both ways: memory does not grow with what is stored.</summary>
internal sealed partial class S3UserConfigStore(
    IOptions<UserConfigsOptions> options, TimeProvider timeProvider, ILogger<S3UserConfigStore> log) : IUserConfigStore, IDisposable
{
    /// <summary>Of each request, and of a transfer that began well and ended badly.</summary>
    private const int Tries = 3;
    private readonly UserConfigsOptions _options = options.Value;
    private readonly RunningTransfers _running = new();
    private bool _hasSaidDenied;

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
        SaveAsync(key, encryptionToken, directory, onlyIfAbsent: false, cancellationToken);

    public Task<SaveAnswer> SaveIfAbsentAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
        SaveAsync(key, encryptionToken, directory, onlyIfAbsent: true, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => _running.StopAsync(cancellationToken);

    /// <summary>The memory that saves take.</summary>
    internal PartBuffers Buffers { get; } = new(PartBuffers.Shared);

    public void Dispose()
    {
        _running.Dispose();
        if (_s3.IsValueCreated)
            _s3.Value.Dispose();
    }

    private static FetchAnswer FetchFailed(string reason) => new(FetchOutcome.Failed, reason);

    private Task<SaveAnswer> SaveAsync(
        UserConfigKey key, string encryptionToken, string directory, bool onlyIfAbsent, CancellationToken cancellationToken) =>
        Bounded(
            _options.SaveTimeout,
            static reason => new SaveAnswer(Saved: false, reason),
            token => SaveWithTriesAsync(new UploadTarget(_s3.Value, _options.Bucket, key.ObjectKey, onlyIfAbsent), encryptionToken, directory, token),
            cancellationToken);

    /// <summary>
    /// Runs on the thread pool, because ciphers and compression would hold a grain's turn, and turns whatever goes wrong into an answer.
    /// </summary>
    private async Task<T> Bounded<T>(
        TimeSpan limit, Func<string, T> failed, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(limit, timeProvider);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _running.Stopping, cancellationToken);
        try
        {
            return await _running.RunAsync(() => work(any.Token), any.Token);
        }
        catch (OperationCanceledException) when (_running.Stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return failed("the service is ending");
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return failed($"it took longer than {limit.TotalSeconds:0} s");
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
        catch (AmazonS3Exception e) when (e is { StatusCode: HttpStatusCode.Forbidden, ErrorCode: "AccessDenied" } && CanSaveIfAbsent)
        {
            if (!Interlocked.Exchange(ref _hasSaidDenied, true))
                DeniedOrAbsent(key, _options.Bucket);
            return new FetchAnswer(FetchOutcome.Unknown, Explain(e));
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

    private async Task<SaveAnswer> SaveWithTriesAsync(UploadTarget target, string token, string directory, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await SaveOnceAsync(target, token, directory, cancellationToken);
                return new SaveAnswer(Saved: true);
            }
            catch (IntegrityException e) when (attempt < Tries)
            {
                TransferBroke(target.Key, attempt, e.Message);
            }
            catch (AmazonS3Exception e) when (target.OnlyIfAbsent && e.StatusCode is HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict)
            {
                return new SaveAnswer(Saved: false, "something is stored already that could not be read at the start, and it stays");
            }
        }
    }

    private async Task SaveOnceAsync(UploadTarget target, string token, string directory, CancellationToken cancellationToken)
    {
        await using var upload = await MultipartUpload.BeginAsync(target, Buffers, cancellationToken);
        try
        {
            var leftOut = await ConfigArchive.WriteAsync(directory, token, upload, Limits, cancellationToken);
            await upload.CompleteAsync(cancellationToken);
            if (leftOut > 0)
                NamesLeftOut(target.Key, leftOut);
        }
        catch
        {
            await AbortAsync(upload, target.Key);
            throw;
        }
    }

    /// <summary>With a deadline of its own: the reason for giving up may be that the caller's has passed.</summary>
    private async Task AbortAsync(MultipartUpload upload, string key)
    {
        using var deadline = new CancellationTokenSource(UserConfigsOptions.AbortTimeout, timeProvider);
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

    /// <summary>AWS can; who knows of another server that it does may say so.</summary>
    private bool CanSaveIfAbsent => _options.ConditionalWrites ?? _options.ServiceUrl is null;

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
