using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using HostService.Infrastructure.Backend;
using HostService.Infrastructure.Storage.UserConfigs.Archive;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <summary>User configs in S3 (B22). Streams both ways: memory does not grow with what is stored.</summary>
internal sealed partial class S3UserConfigStore(
    IOptions<UserConfigsOptions> options, TimeProvider timeProvider, ILogger<S3UserConfigStore> logger) : IUserConfigStore, IDisposable
{
    /// <summary>For each request, and for a transfer that fails after it began.</summary>
    private const int Tries = 3;
    private readonly UserConfigsOptions _options = options.Value;
    private readonly RunningTransfers _running = new();
    private bool _hasSaidDenied;

    // Created on first use, and again after a failure: finding the region may need the network, which must not delay the start of the
    // service.
    private readonly Lazy<AmazonS3Client> _s3 = new(() => S3Clients.Create(options.Value, Tries), LazyThreadSafetyMode.PublicationOnly);

    public Task<FetchAnswer> FetchAsync(UserConfigKey key, string encryptionToken, string directory, CancellationToken cancellationToken) =>
        RunWithTimeoutAsync(
            _options.FetchTimeout,
            FetchFailed,
            answer => answer.Outcome != FetchOutcome.Failed,
            token => FetchWithTriesAsync(key.ObjectKey, encryptionToken, directory, token),
            cancellationToken);

    public Task<SaveAnswer> SaveAsync(UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        SaveAsync(key, archiveKey, directory, onlyIfAbsent: false, cancellationToken);

    public Task<SaveAnswer> SaveIfAbsentAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken) =>
        SaveAsync(key, archiveKey, directory, onlyIfAbsent: true, cancellationToken);

    public async Task<string> TestAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Needs s3:ListBucket only, which hosts should have; unlike HEAD it says what is wrong.
            await _s3.Value.ListObjectsV2Async(new ListObjectsV2Request { BucketName = _options.Bucket, MaxKeys = 1 }, cancellationToken);
            return $"bucket {_options.Bucket} answers";
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw new IOException($"bucket {_options.Bucket}: {Explain(exception)}", exception);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _running.StopAsync(cancellationToken);

    /// <summary>The memory that saves take.</summary>
    internal PartBuffers Buffers { get; } = new(PartBuffers.Shared);

    public void Dispose()
    {
        _running.Dispose();
        if (_s3.IsValueCreated)
        {
            _s3.Value.Dispose();
        }
    }

    private static FetchAnswer FetchFailed(string reason) => new(FetchOutcome.Failed, reason);

    private Task<SaveAnswer> SaveAsync(
        UserConfigKey key, ArchiveKey archiveKey, string directory, bool onlyIfAbsent, CancellationToken cancellationToken) =>
        RunWithTimeoutAsync(
            _options.SaveTimeout,
            static reason => new SaveAnswer(Saved: false, reason),
            static answer => answer.Saved,
            token => SaveWithTriesAsync(
                new UploadTarget(_s3.Value, _options.Bucket, key.ObjectKey, onlyIfAbsent), archiveKey, directory, token),
            cancellationToken);

    /// <summary>On the thread pool: encryption and compression would block a grain's turn. Turns every failure into an answer.</summary>
    private async Task<T> RunWithTimeoutAsync<T>(
        TimeSpan timeout,
        Func<string, T> failed,
        Func<T, bool> isSuccess,
        Func<CancellationToken, Task<T>> work,
        CancellationToken cancellationToken)
    {
        var began = timeProvider.GetTimestamp();
        var result = BackendResult.Failed;
        using var timer = new CancellationTokenSource(timeout, timeProvider);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, _running.Stopping, cancellationToken);
        try
        {
            var answer = await _running.RunAsync(() => work(any.Token), any.Token);
            result = isSuccess(answer) ? BackendResult.Ok : BackendResult.Failed;
            return answer;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = BackendResult.Cancelled;
            throw;
        }
        catch (OperationCanceledException) when (_running.Stopping.IsCancellationRequested)
        {
            result = BackendResult.Cancelled;
            return failed("the service is ending");
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested)
        {
            result = BackendResult.Timeout;
            return failed($"it took longer than {timeout.TotalSeconds:0} s");
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // As the interface promises: the caller logs the reason, and a mandelbox starts or ends without its configs.
            return failed(Explain(exception));
        }
        finally
        {
            BackendMeter.Called(BackendService.S3, result, timeProvider.GetElapsedTime(began));
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
            catch (BrokenTransferException exception) when (attempt < Tries)
            {
                LogTransferFailed(directory, attempt, exception.Message);
            }
        }
    }

    private async Task<FetchAnswer> FetchOnceAsync(string key, string token, string directory, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _s3.Value.GetObjectAsync(_options.Bucket, key, cancellationToken);
            await using var staging = StagingDirectory.Beside(directory);
            var leftOut = await UnpackAsync(answer.ResponseStream, token, staging.Path, cancellationToken);
            staging.MoveInto(directory);
            if (leftOut > 0)
            {
                LogLinksLeftOut(directory, leftOut);
            }

            return new FetchAnswer(FetchOutcome.Restored);
        }
        catch (AmazonS3Exception exception)
            when (exception.StatusCode == HttpStatusCode.NotFound && exception.ErrorCode is "NoSuchKey" or "NotFound")
        {
            return new FetchAnswer(FetchOutcome.FirstRun);
        }
        catch (AmazonS3Exception exception)
            when (exception is { StatusCode: HttpStatusCode.Forbidden, ErrorCode: "AccessDenied" } && CanSaveIfAbsent)
        {
            if (!Interlocked.Exchange(ref _hasSaidDenied, true))
            {
                LogDeniedOrAbsent(directory, _options.Bucket);
            }

            return new FetchAnswer(FetchOutcome.Unknown, Explain(exception));
        }
        catch (DamagedArchiveException exception)
        {
            return FetchFailed($"the stored archive was not unpacked: {exception.Message}");
        }
    }

    private async Task<int> UnpackAsync(Stream body, string token, string directory, CancellationToken cancellationToken)
    {
        try
        {
            return await ConfigArchive.ReadAsync(body, token, directory, Limits, cancellationToken);
        }
        catch (IOException exception) when (exception is HttpIOException || exception.InnerException is SocketException or HttpIOException)
        {
            // The SDK retries a request, but not the transfer of an answer's body. Other I/O errors, such as a full disk, are not retried.
            throw new BrokenTransferException(exception.Message, exception);
        }
    }

    private async Task<SaveAnswer> SaveWithTriesAsync(
        UploadTarget target, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await SaveOnceAsync(target, archiveKey, directory, cancellationToken);
                return new SaveAnswer(Saved: true);
            }
            catch (IntegrityException exception) when (attempt < Tries)
            {
                LogTransferFailed(directory, attempt, exception.Message);
            }
            catch (AmazonS3Exception exception)
                when (target.OnlyIfAbsent && exception.StatusCode is HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict)
            {
                return new SaveAnswer(Saved: false, "an archive that could not be read at the start is stored already, and stays");
            }
        }
    }

    private async Task SaveOnceAsync(UploadTarget target, ArchiveKey archiveKey, string directory, CancellationToken cancellationToken)
    {
        await using var upload = await MultipartUpload.BeginAsync(target, Buffers, cancellationToken);
        try
        {
            var leftOut = await ConfigArchive.WriteAsync(directory, archiveKey, upload, Limits, cancellationToken);
            await upload.CompleteAsync(cancellationToken);
            if (leftOut > 0)
            {
                LogNamesLeftOut(directory, leftOut);
            }
        }
        catch
        {
            await AbortAsync(upload, directory);
            throw;
        }
    }

    /// <summary>With a timeout of its own: the caller's may have passed already.</summary>
    private async Task AbortAsync(MultipartUpload upload, string directory)
    {
        using var timeout = new CancellationTokenSource(UserConfigsOptions.AbortTimeout, timeProvider);
        try
        {
            await upload.AbortAsync(timeout.Token);
        }
        catch (Exception exception)
        {
            // The caller gets the failure of the save itself. Parts that stay behind cost storage, so the log says so.
            LogPartsLeft(directory, exception.Message);
        }
    }

    /// <summary>AWS can; for another server the configuration may say so.</summary>
    private bool CanSaveIfAbsent => _options.ConditionalWrites ?? _options.ServiceUrl is null;

    private ArchiveLimits Limits => new(_options.MaxUnpackedBytes, _options.MaxEntries);

    private static string Explain(Exception exception) => exception switch
    {
        AmazonS3Exception { StatusCode: HttpStatusCode.Forbidden } denied =>
            $"the store denies access ({denied.ErrorCode}); without s3:ListBucket, missing and forbidden look alike",
        AmazonServiceException { ErrorCode.Length: > 0 } refused => $"the store answered {refused.ErrorCode}: {refused.Message}",
        _ => exception.Message,
    };

    private sealed class BrokenTransferException(string message, Exception inner) : Exception(message, inner);
}
