using System.Net;
using Amazon.S3;
using Amazon.S3.Model;

namespace HostService.Infrastructure.Storage.UserConfigs;

/// <param name="OnlyIfAbsent">Complete only where nothing is stored under this key, which the store itself has to check.</param>
internal sealed record UploadTarget(IAmazonS3 S3, string Bucket, string Key, bool OnlyIfAbsent);

/// <summary>
/// Sends what is written to it as an S3 multipart upload, with at most three parts in memory whatever the size: one that is filled and two
/// that are sent; fewer where many uploads share <see cref="PartBuffers"/>. Small archives are uploaded the same way, because only a
/// multipart upload verifies what the store received before it replaces the old object: each part carries its MD5, each answer's ETag is
/// compared with it, and completing is atomic.
/// </summary>
internal sealed class MultipartUpload(UploadTarget target, string uploadId, string mark, PartBuffers buffers)
    : ForwardStream(isRead: false)
{
    /// <summary>Metadata by which an upload recognises its own object, also where encryption makes the ETag useless.</summary>
    private const string Mark = "upload";
    private const int PartSize = PartBuffers.PartSize;
    private const int InFlight = 2;
    private readonly List<Task<Part>> _parts = [];
    private byte[] _own = [];
    private bool _ownIsInUse;
    private byte[]? _buffer;
    private int _filled;

    public long Total { get; private set; }

    public static async Task<MultipartUpload> BeginAsync(UploadTarget target, PartBuffers buffers, CancellationToken cancellationToken)
    {
        var mark = Guid.NewGuid().ToString("N");
        var request = new InitiateMultipartUploadRequest
        {
            BucketName = target.Bucket,
            Key = target.Key,
            ContentType = "application/octet-stream",
        };
        request.Metadata.Add(Mark, mark);
        var answer = await target.S3.InitiateMultipartUploadAsync(request, cancellationToken);
        return new MultipartUpload(target, answer.UploadId, mark, buffers);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var room = await RoomAsync(cancellationToken);
            var taken = Math.Min(buffer.Length, room.Length);
            buffer[..taken].CopyTo(room);
            _filled += taken;
            buffer = buffer[taken..];
            if (_filled == PartSize)
            {
                Send(cancellationToken);
            }
        }
    }

    /// <summary>Sends the last part, makes the upload the stored object, and verifies that.</summary>
    /// <exception cref="IntegrityException">The stored object is not what was sent.</exception>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_filled > 0)
        {
            Send(cancellationToken);
        }

        var parts = await Task.WhenAll(_parts);
        var expected = ETags.OfMultipart([.. parts.Select(part => part.Md5)]);
        try
        {
            var answer = await target.S3.CompleteMultipartUploadAsync(
                new CompleteMultipartUploadRequest
                {
                    BucketName = target.Bucket,
                    Key = target.Key,
                    UploadId = uploadId,
                    PartETags = [.. parts.Select(part => new PartETag(part.Number, part.ETag))],
                    IfNoneMatch = target.OnlyIfAbsent ? "*" : null,
                },
                cancellationToken);
            await CheckAsync(answer, expected, cancellationToken);
        }
        catch (AmazonS3Exception exception) when (exception.ErrorCode == "NoSuchUpload")
        {
            // The answer was lost, and the SDK's retry found the upload completed already.
            if (await StoredAsync(null, cancellationToken) is not { } stored
                || stored.Metadata[Mark] != mark || stored.ContentLength != Total || ETags.Contradicts(stored.ETag, expected))
            {
                throw new IntegrityException($"the store no longer knows upload {uploadId}, and what it has is not what was sent");
            }
        }
    }

    /// <summary>Discards the parts. The object that was stored before is untouched.</summary>
    public async Task AbortAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll((IEnumerable<Task>)_parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await target.S3.AbortMultipartUploadAsync(target.Bucket, target.Key, uploadId, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            if (_buffer is { } unsent && unsent != _own)
            {
                buffers.Return(unsent);
            }

            buffers.Count(-_own.Length);
            (_buffer, _own) = (null, []);
        }

        base.Dispose(disposing);
    }

    private async ValueTask<Memory<byte>> RoomAsync(CancellationToken cancellationToken)
    {
        _buffer ??= await TakeAsync(cancellationToken);
        if (_filled == _buffer.Length)
        {
            // Only an upload's own buffer can be smaller than a part.
            var larger = new byte[Math.Min(PartSize, _filled * 2)];
            _buffer.CopyTo(larger, 0);
            buffers.Count(larger.Length - _own.Length);
            _buffer = _own = larger;
        }

        return _buffer.AsMemory(_filled);
    }

    /// <summary>The own buffer, or a shared one, or, where all are in use, the own one as soon as it has been sent.</summary>
    private async ValueTask<byte[]> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_parts.Find(part => part.IsFaulted || part.IsCanceled) is { } failed)
            {
                await failed;
            }

            var sending = _parts.Where(part => !part.IsCompleted).ToList();
            if (sending.Count <= InFlight)
            {
                if (!Volatile.Read(ref _ownIsInUse))
                {
                    return Own();
                }

                if (buffers.TryTake() is { } shared)
                {
                    return shared;
                }
            }

            await Task.WhenAny(sending).WaitAsync(cancellationToken);
        }
    }

    private byte[] Own()
    {
        if (_own.Length == 0)
        {
            _own = new byte[PartBuffers.Smallest];
            buffers.Count(_own.Length);
        }

        return _own;
    }

    private void Send(CancellationToken cancellationToken)
    {
        var (buffer, length) = (_buffer!, _filled);
        (_buffer, _filled) = (null, 0);
        Total += length;
        if (buffer == _own)
        {
            Volatile.Write(ref _ownIsInUse, true);
        }

        _parts.Add(SendAsync(_parts.Count + 1, buffer, length, cancellationToken));
    }

    private async Task<Part> SendAsync(int number, byte[] buffer, int length, CancellationToken cancellationToken)
    {
        try
        {
            var md5 = ETags.Md5(buffer.AsSpan(0, length));
            using var body = new MemoryStream(buffer, 0, length, writable: false);
            var answer = await target.S3.UploadPartAsync(
                new UploadPartRequest
                {
                    BucketName = target.Bucket,
                    Key = target.Key,
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
        catch (AmazonS3Exception exception) when (exception.ErrorCode is "BadDigest" or "InvalidDigest" or "XAmzContentSHA256Mismatch")
        {
            throw new IntegrityException($"part {number} arrived damaged ({exception.ErrorCode})", exception);
        }
        finally
        {
            if (buffer == _own)
            {
                Volatile.Write(ref _ownIsInUse, false);
            }
            else
            {
                buffers.Return(buffer);
            }
        }
    }

    /// <summary>Another host may have saved meanwhile, which is no error.</summary>
    private async Task CheckAsync(CompleteMultipartUploadResponse answer, string expected, CancellationToken cancellationToken)
    {
        if (ETags.Contradicts(answer.ETag, expected))
        {
            throw new IntegrityException($"{Total} bytes with ETag {expected} were sent, and completing them made {answer.ETag}");
        }

        var stored = await StoredAsync(answer.VersionId, cancellationToken)
            ?? throw new IntegrityException($"{Total} bytes were sent and completed, and nothing is stored");
        var isOurs = string.IsNullOrEmpty(answer.ETag) || ETags.IsSame(stored.ETag, answer.ETag);
        if (isOurs && (stored.ContentLength != Total || ETags.Contradicts(stored.ETag, expected)))
        {
            throw new IntegrityException(
                $"{Total} bytes with ETag {expected} were sent, and {stored.ContentLength} with {stored.ETag} are stored");
        }
    }

    /// <summary>Null where there is nothing.</summary>
    private async Task<GetObjectMetadataResponse?> StoredAsync(string? version, CancellationToken cancellationToken)
    {
        try
        {
            return await target.S3.GetObjectMetadataAsync(
                new GetObjectMetadataRequest
                {
                    BucketName = target.Bucket,
                    Key = target.Key,
                    VersionId = string.IsNullOrEmpty(version) ? null : version,
                },
                cancellationToken);
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    private sealed record Part(int Number, string ETag, byte[] Md5);
}

/// <summary>The stored object is not what was sent.</summary>
internal sealed class IntegrityException(string message, Exception? inner = null) : Exception(message, inner);
