using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway;

/// <summary>Answers HEAD as GET, without the body: Kestrel would send what is written to its pipe, which is an error over HTTP/2.</summary>
internal sealed class HeadRequests : IStartupFilter
{
    /// <summary>Whether nobody reads the body: an answer without an end must not be written then.</summary>
    public static bool IsHead(HttpContext context) => context.Features.Get<Head>() is not null;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, inner) =>
        {
            if (HttpMethods.IsHead(context.Request.Method))
            {
                context.Request.Method = HttpMethods.Get;
                context.Response.Body = Stream.Null;
                context.Features.Set(new Head());
            }

            return inner(context);
        });
        next(app);
    };

    private sealed record Head;
}
