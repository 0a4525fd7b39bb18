using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace HostService.Gateway.Wire;

/// <summary>Reads a body: at most 1 MiB, one JSON object, each known field of its type. Unknown fields are ignored; a name that is there twice is malformed.</summary>
internal static class WireReader
{
    /// <summary>Largest body, in bytes.</summary>
    public const int LargestBody = 1 << 20;

    private static readonly JsonSerializerOptions Strict = new()
    {
        AllowDuplicateProperties = false,
        MaxDepth = 64,
    };

    /// <summary>The body, or the answer that says why there is none. Exactly one of the two is set.</summary>
    public static async Task<(T? Body, WireResult? Fault)> ReadAsync<T>(HttpContext context)
        where T : class
    {
        if (context.Request.ContentLength > LargestBody)
            return (null, WireResult.TooLarge);
        var buffer = ArrayPool<byte>.Shared.Rent((int)(context.Request.ContentLength ?? 4096) + 1);
        var length = 0;
        try
        {
            LimitServer(context);
            int read;
            while ((read = await context.Request.Body.ReadAsync(buffer.AsMemory(length), context.RequestAborted)) > 0)
            {
                length += read;
                if (length > LargestBody)
                    return (null, WireResult.TooLarge);
                if (length == buffer.Length)
                    buffer = Grow(buffer, length);
            }

            return Parse<T>(buffer.AsSpan(0, length)) is { } body ? (body, null) : (null, WireResult.Malformed);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, WireResult.TooLarge);
        }
        catch (Exception exception) when (exception is IOException)
        {
            // The server's own complaints about a body (bad chunks, too slow) are IOExceptions too.
            return (null, WireResult.Malformed);
        }
        finally
        {
            // It held secrets.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>The object that these bytes spell, or null.</summary>
    internal static T? Parse<T>(ReadOnlySpan<byte> json)
        where T : class
    {
        // The parser skips over the bytes of fields that it does not know.
        if (!Utf8.IsValid(json))
            return null;
        try
        {
            return JsonSerializer.Deserialize<T>(json, Strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void LimitServer(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = LargestBody;
    }

    private static byte[] Grow(byte[] buffer, int length)
    {
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        return larger;
    }
}
