using System.Text.Json;
using System.Text.Unicode;
using HostService.Gateway.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace HostService.Gateway.Wire;

/// <summary>Reads one JSON object of at most 1 MiB, each known field of its type, no field twice. Ignores unknown fields.</summary>
internal sealed class WireReader(GatewayQuotas quotas, IOptions<GatewayOptions> options, TimeProvider timeProvider)
{
    /// <summary>Largest body, in bytes.</summary>
    public const int LargestBody = 1 << 20;

    private static readonly JsonSerializerOptions Strict = new()
    {
        AllowDuplicateProperties = false,
        MaxDepth = 64,
    };

    /// <summary>The body, or the answer to a bad one. Exactly one of the two is set.</summary>
    public async Task<(T? Body, WireResult? Fault)> ReadAsync<T>(HttpContext context)
        where T : class
    {
        if (context.Request.ContentLength > LargestBody)
        {
            return (null, WireResult.TooLarge);
        }

        // Taking 0 bytes never fails. Held until the answer is sent, because the body's fields are as large as the body.
        var quota = quotas.BodyBytes.TryTake(context.Connection.RemoteIpAddress, context.Connection.LocalIpAddress, 0)!;
        context.Response.RegisterForDispose(quota);
        using var buffer = new BodyBuffer(quota, context.Request.ContentLength);
        using var timeout = new CancellationTokenSource(options.Value.BodyTimeout, timeProvider);
        using var cancelled = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, context.RequestAborted);
        try
        {
            LimitServer(context);
            int read;
            while ((read = await context.Request.Body.ReadAsync(buffer.Space, cancelled.Token)) > 0)
            {
                if (buffer.Length + read > LargestBody)
                {
                    return (null, WireResult.TooLarge);
                }

                if (!buffer.TryAdvance(read))
                {
                    return (null, WireResult.Busy);
                }
            }

            return Parse<T>(buffer.Content) is { } body ? (body, null) : (null, WireResult.Malformed);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, WireResult.TooLarge);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            return (null, WireResult.Malformed);
        }
        catch (IOException)
        {
            // Kestrel reports bad chunks and slow bodies as IOExceptions, too.
            return (null, WireResult.Malformed);
        }
    }

    /// <summary>Null when this is not the JSON of a <typeparamref name="T"/>.</summary>
    internal static T? Parse<T>(ReadOnlySpan<byte> json)
        where T : class
    {
        // The parser does not validate the UTF-8 of fields that it skips.
        if (!Utf8.IsValid(json))
        {
            return null;
        }

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
        {
            limit.MaxRequestBodySize = LargestBody;
        }
    }
}
