using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Storage.UserConfigs;

/// <summary>What happens to a request on its way to the store.</summary>
internal enum Fault
{
    None,

    /// <summary>Answered with 500, never passed on.</summary>
    ServerError,

    /// <summary>The connection is cut in the middle of the request's body.</summary>
    CutRequest,

    /// <summary>One bit of the request's body arrives wrong.</summary>
    FlipBit,

    /// <summary>The connection is cut in the middle of the answer's body.</summary>
    CutAnswer,

    /// <summary>No answer until the caller gives up.</summary>
    Silence,

    /// <summary>Half of the answer's body, and nothing more until the caller gives up.</summary>
    SilentAnswer,

    /// <summary>Answered with 400 by a server that found another checksum than the request names.</summary>
    BadDigest,
    InvalidDigest,
    XAmzContentSHA256Mismatch,

    /// <summary>Answered with 403, as S3 answers for what is not there where it may not be listed.</summary>
    AccessDenied,

    /// <summary>Answered with 404, as S3 answers for an upload that was completed already.</summary>
    NoSuchUpload,

    /// <summary>Passed on, and done; but the answer is lost and the caller is told of an error of the server's.</summary>
    LoseAnswer,

    /// <summary>Passed on when <see cref="FaultyWay.Release"/> is set.</summary>
    Hold,
}

/// <summary>A proxy before the real server that fails as a test says; records what came by.</summary>
internal sealed class FaultyWay : IAsyncDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false });
    private readonly WebApplication _app;
    private readonly string _server;
    private readonly Func<string, int, Fault> _choose;
    private readonly Dictionary<string, int> _count = [];

    private FaultyWay(string server, Func<string, int, Fault> choose)
    {
        _server = server;
        _choose = choose;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        _app = builder.Build();
        _app.Run(PassAsync);
    }

    /// <summary>Set once a request meets silence.</summary>
    public TaskCompletionSource Silent { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Set once a request is held.</summary>
    public TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Lets what is held go on.</summary>
    public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Runs when an upload has been completed, before its caller hears of it.</summary>
    public Func<Task>? Completed { get; set; }

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>
    /// How often each kind of request came: <c>GET</c>, <c>HEAD</c>, <c>PART</c>, <c>INITIATE</c>, <c>COMPLETE</c>, <c>ABORT</c>.
    /// </summary>
    public int Count(string kind)
    {
        lock (_count)
        {
            return _count.GetValueOrDefault(kind);
        }
    }

    /// <param name="choose">By the kind of the request and how many of that kind came, this one included.</param>
    public static async Task<FaultyWay> ToAsync(string server, Func<string, int, Fault> choose)
    {
        var way = new FaultyWay(server, choose);
        await way._app.StartAsync();
        return way;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
    }

    private async Task PassAsync(HttpContext context)
    {
        var kind = Kind(context.Request);
        int number;
        lock (_count)
        {
            number = _count[kind] = _count.GetValueOrDefault(kind) + 1;
        }

        var fault = _choose(kind, number);
        switch (fault)
        {
            case Fault.ServerError:
                context.Response.StatusCode = 500;
                return;
            case Fault.Silence:
                await StaySilentAsync(context);
                return;
            case Fault.BadDigest or Fault.InvalidDigest or Fault.XAmzContentSHA256Mismatch or Fault.AccessDenied:
                await RefuseAsync(context, fault == Fault.AccessDenied ? 403 : 400, fault.ToString());
                return;
            case Fault.NoSuchUpload:
                await RefuseAsync(context, 404, fault.ToString());
                return;
            case Fault.Hold:
                Held.TrySetResult();
                await Release.Task;
                await PassOnAsync(context, fault);
                return;
            case Fault.CutRequest:
                await context.Request.Body.ReadExactlyAsync(new byte[(int)Math.Min(context.Request.ContentLength ?? 0, 1000) / 2]);
                context.Abort();
                return;
            default:
                await PassOnAsync(context, fault);
                return;
        }
    }

    private static async Task RefuseAsync(HttpContext context, int status, string code)
    {
        await context.Request.Body.CopyToAsync(Stream.Null);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/xml";
        await context.Response.WriteAsync(
            $"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    }

    /// <summary>What s3rver lacks and S3 has: completing an upload only where nothing is stored.</summary>
    private async Task<bool> MayCompleteAsync(HttpContext context)
    {
        if (context.Request.Headers.IfNoneMatch != "*")
        {
            return true;
        }

        using var look = new HttpRequestMessage(HttpMethod.Head, _server + context.Request.Path.ToUriComponent());
        using var there = await _client.SendAsync(look);
        return there.StatusCode == HttpStatusCode.NotFound;
    }

    private async Task PassOnAsync(HttpContext context, Fault fault)
    {
        if (Kind(context.Request) == "COMPLETE" && !await MayCompleteAsync(context))
        {
            await RefuseAsync(context, 412, "PreconditionFailed");
            return;
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        if (fault == Fault.FlipBit && body.Length > 0)
        {
            body.GetBuffer()[body.Length / 2] ^= 1;
        }

        using var request = new HttpRequestMessage(
            new HttpMethod(context.Request.Method), _server + context.Features.Get<IHttpRequestFeature>()!.RawTarget);
        request.Content = new ByteArrayContent(body.ToArray());
        foreach (
            var (name, values) in context.Request.Headers.Where(header => header.Key is not ("Connection" or "Expect" or "Content-Length")))
        {
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                request.Content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        using var answer = await _client.SendAsync(request);
        if (Kind(context.Request) == "COMPLETE" && Completed is { } completed)
        {
            await completed();
        }

        if (fault == Fault.LoseAnswer)
        {
            context.Response.StatusCode = 500;
            return;
        }

        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers)
            .Where(header => header.Key is not ("Connection" or "Transfer-Encoding" or "Keep-Alive")))
        {
            context.Response.Headers[name] = values.ToArray();
        }

        var content = await answer.Content.ReadAsByteArrayAsync();
        if (context.Request.Method == "HEAD" || content.Length == 0)
        {
            return;
        }

        if (fault is not (Fault.CutAnswer or Fault.SilentAnswer))
        {
            await context.Response.Body.WriteAsync(content);
            return;
        }

        await context.Response.Body.WriteAsync(content.AsMemory(0, content.Length / 2));
        await context.Response.Body.FlushAsync();
        if (fault == Fault.SilentAnswer)
        {
            await StaySilentAsync(context);
            return;
        }

        context.Abort();
    }

    private async Task StaySilentAsync(HttpContext context)
    {
        Silent.TrySetResult();
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (context.RequestAborted.Register(gone.SetResult))
        {
            await gone.Task;
        }
    }

    private static string Kind(HttpRequest request) => request.Method switch
    {
        "POST" when request.Query.ContainsKey("uploads") => "INITIATE",
        "POST" => "COMPLETE",
        "PUT" => "PART",
        "DELETE" => "ABORT",
        var other => other,
    };
}
