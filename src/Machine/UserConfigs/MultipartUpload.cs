using Amazon.S3;
using Amazon.S3.Model;
using HostService.Machine.UserConfigs.Archive;

namespace HostService.Machine.UserConfigs;

/// <summary>
/// Sends what is written to it as an S3 multipart upload, with at most three parts in memory whatever the size: one that fills and two on
/// their way. Small archives go the same way, because only here does the store say what it received before it replaces what it had:
/// each part carries its MD5, each answer's ETag is compared with it, and completing is atomic.
/// </summary>
internal sealed class MultipartUpload(IAmazonS3 s3, string bucket, string key, string uploadId) : WriteStage
{
    /// <summary>The least that S3 takes. It takes 10 000 of them: 52 GB.</summary>
    internal const int PartSize = 5 * 1024 * 1024;
    private const int InFlight = 2;
    private readonly List<Task<Part>> _parts = [];
    private readonly Stack<byte[]> _spare = new();
    private readonly SemaphoreSlim _slots = new(InFlight);
    private byte[]? _buffer;
    private int _filled;

    /// <summary>Bytes sent.</summary>
    public long Total { get; private set; }

    public static async Task<MultipartUpload> BeginAsync(IAmazonS3 s3, string bucket, string key, CancellationToken cancellationToken)
    {
        var answer = await s3.InitiateMultipartUploadAsync(
            new InitiateMultipartUploadRequest { BucketName = bucket, Key = key, ContentType = "application/octet-stream" }, cancellationToken);
        return new MultipartUpload(s3, bucket, key, answer.UploadId);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            _buffer ??= TakeSpare() ?? new byte[PartSize];
            var taken = Math.Min(buffer.Length, PartSize - _filled);
            buffer[..taken].CopyTo(_buffer.AsMemory(_filled));
            _filled += taken;
            buffer = buffer[taken..];
            if (_filled == PartSize)
                await SendAsync(cancellationToken);
        }
    }

    /// <summary>Sends the last part and makes the upload the stored object, then looks whether it is.</summary>
    /// <exception cref="IntegrityException">The store has something else than was sent.</exception>
    public override async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_filled > 0)
            await SendAsync(cancellationToken);
        var parts = await Task.WhenAll(_parts);
        await s3.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest
            {
                BucketName = bucket,
                Key = key,
                UploadId = uploadId,
                PartETags = [.. parts.Select(part => new PartETag(part.Number, part.ETag))],
            },
            cancellationToken);

        var stored = await s3.GetObjectMetadataAsync(bucket, key, cancellationToken);
        var expected = ETags.OfMultipart([.. parts.Select(part => part.Md5)]);
        if (stored.ContentLength != Total || ETags.Contradicts(stored.ETag, expected))
            throw new IntegrityException($"{Total} bytes with ETag {expected} were sent, and {stored.ContentLength} with {stored.ETag} are stored");
    }

    /// <summary>Throws the parts away. What was stored before has never been touched.</summary>
    public async Task AbortAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_parts).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await s3.AbortMultipartUploadAsync(bucket, key, uploadId, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _slots.Dispose();
        base.Dispose(disposing);
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        if (_parts.Find(part => part.IsFaulted || part.IsCanceled) is { } failed)
            await failed;

        var (buffer, length) = (_buffer!, _filled);
        (_buffer, _filled) = (null, 0);
        Total += length;
        _parts.Add(SendAsync(_parts.Count + 1, buffer, length, cancellationToken));
    }

    private async Task<Part> SendAsync(int number, byte[] buffer, int length, CancellationToken cancellationToken)
    {
        try
        {
            var md5 = ETags.Md5(buffer.AsSpan(0, length));
            using var body = new MemoryStream(buffer, 0, length, writable: false);
            var answer = await s3.UploadPartAsync(
                new UploadPartRequest
                {
                    BucketName = bucket,
                    Key = key,
                    UploadId = uploadId,
                    PartNumber = number,
                    PartSize = length,
                    InputStream = body,
                    MD5Digest = Convert.ToBase64String(md5),
                    UseChunkEncoding = false,
                },
                cancellationToken);
            return ETags.Contradicts(answer.ETag, Convert.ToHexStringLower(md5))
                ? throw new IntegrityException($"part {number} arrived as {answer.ETag} instead of {Convert.ToHexStringLower(md5)}")
                : new Part(number, answer.ETag, md5);
        }
        finally
        {
            lock (_spare)
                _spare.Push(buffer);
            _slots.Release();
        }
    }

    private byte[]? TakeSpare()
    {
        lock (_spare)
            return _spare.TryPop(out var spare) ? spare : null;
    }

    private sealed record Part(int Number, string ETag, byte[] Md5);
}

/// <summary>What the store has is not what was sent.</summary>
internal sealed class IntegrityException(string message) : Exception(message);
