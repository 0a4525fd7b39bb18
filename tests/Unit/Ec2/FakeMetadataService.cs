using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace HostService.Tests.Unit.Ec2;

/// <summary>
/// EC2's instance metadata service (and its API, below <c>/</c>) on a loopback port, healthy until a test says otherwise.
/// </summary>
internal sealed class FakeMetadataService : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, bool> _tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Func<HttpContext, Task>> _faults = new();
    private readonly Channel<string> _hanging = Channel.CreateUnbounded<string>();

    private FakeMetadataService()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public ConcurrentDictionary<string, string> Values { get; } = new(StringComparer.Ordinal)
    {
        ["ami-id"] = "ami-0f0f0f0f0f0f0f0f0",
        ["instance-id"] = "i-0123456789abcdef0",
        ["instance-type"] = "g4dn.xlarge",
        ["placement/region"] = "us-east-1",
        ["public-ipv4"] = "203.0.113.7",
        ["tags/instance/Name"] = "host-7",
    };

    /// <summary>What asking for a token is answered with; 200 gives one.</summary>
    public int TokenStatus { get; set; } = 200;

    public bool TokensRequired { get; set; } = true;

    /// <summary>Of the values.</summary>
    public string? ContentType { get; set; }

    /// <summary>The path that is answered with 500.</summary>
    public string? Broken { get; set; }

    /// <summary>What the EC2 API answers.</summary>
    public Func<HttpContext, Task> Api { get; set; } = context => Text(context, 500, "");

    /// <summary>Every request so far: <c>PUT token</c>, <c>GET ami-id</c>, <c>POST /</c>.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public string Address => _app.Urls.Single();

    public static async Task<FakeMetadataService> StartAsync()
    {
        var service = new FakeMetadataService();
        await service._app.StartAsync();
        return service;
    }

    public static async Task Text(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentLength = text.Length;
        await context.Response.WriteAsync(text);
    }

    /// <summary>The next requests, whatever they are for, end like this instead.</summary>
    public void Next(params Func<HttpContext, Task>[] faults)
    {
        foreach (var fault in faults)
        {
            _faults.Enqueue(fault);
        }
    }

    public static Func<HttpContext, Task> Status(int status) => context => Text(context, status, "");

    /// <summary>A body of which only the first part arrives before the connection breaks.</summary>
    public static Func<HttpContext, Task> Half(string part) => async context =>
    {
        context.Response.ContentLength = part.Length * 2;
        await context.Response.WriteAsync(part);
        await context.Response.Body.FlushAsync();
        context.Abort();
    };

    /// <summary>No answer while the client waits.</summary>
    public async Task Hang(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        _hanging.Writer.TryWrite(Name(context));
        await gone.Task;
    }

    /// <summary>The next request that got no answer.</summary>
    public Task<string> NextHanging() => _hanging.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static string Name(HttpContext context) => context.Request.Path.Value switch
    {
        "/latest/api/token" => context.Request.Method + " token",
        { } path when path.StartsWith("/latest/meta-data/", StringComparison.Ordinal) => context.Request.Method + " " + path["/latest/meta-data/".Length..],
        var path => context.Request.Method + " " + path + context.Request.QueryString,
    };

    private Task AnswerAsync(HttpContext context)
    {
        var name = Name(context);
        Requests.Enqueue(name);
        if (_faults.TryDequeue(out var fault))
        {
            return fault(context);
        }

        if (name == "PUT token")
        {
            return GiveTokenAsync(context);
        }

        if (name == "POST /")
        {
            return Api(context);
        }

        if (TokensRequired && !_tokens.ContainsKey(context.Request.Headers["X-aws-ec2-metadata-token"].ToString()))
        {
            return Text(context, 401, "");
        }

        var key = name["GET ".Length..];
        if (key == Broken)
        {
            return Text(context, 500, "");
        }

        context.Response.ContentType = ContentType;
        return Values.TryGetValue(key, out var value) ? Text(context, 200, value) : Text(
            context, 404, "<html>404</html>");
    }

    private Task GiveTokenAsync(HttpContext context)
    {
        if (TokenStatus != 200)
        {
            return Text(context, TokenStatus, "");
        }

        if (!int.TryParse(context.Request.Headers["X-aws-ec2-metadata-token-ttl-seconds"], out var seconds) || seconds is < 1 or > 21600)
        {
            return Text(context, 400, "");
        }

        var token = Guid.NewGuid().ToString("N");
        _tokens[token] = true;
        return Text(context, 200, token);
    }
}
