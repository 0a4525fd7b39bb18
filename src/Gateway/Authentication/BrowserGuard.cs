using System.Net;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Authentication;

/// <summary>
/// Refuses what a browser sends for a web page of another origin. Loopback needs no credential, so any page that is open in a browser on
/// this machine, or behind a tunnel to it, could otherwise steer the host.
/// </summary>
internal sealed class BrowserGuard(IHostName host, IOptions<GatewayOptions> options)
{
    private readonly string[] _names =
        ["localhost", Environment.MachineName, Dns.GetHostName(), .. AddressList.Split(options.Value.CertificateNames)];

    /// <summary>Why the request is refused; null when it is not.</summary>
    public string? Refusal(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.TryGetValue("Sec-Fetch-Site", out var site) && site.ToString() is not ("same-origin" or "none"))
        {
            return "The browser says that another web page sent this request. Type the address yourself.";
        }

        if (headers.TryGetValue("Origin", out var origin) && !IsThisOrigin(origin.ToString(), context.Request.Host))
        {
            return "A web page of another origin sent this request.";
        }

        // A page that has its own name resolved to 127.0.0.1 is of the same origin; only the name tells.
        return context.Connection.IsLoopback() && !IsOwnName(context.Request.Host.Host)
            ? $"The request names another host. Call this one localhost, or add its name to {GatewayOptions.Section}:CertificateNames."
            : null;
    }

    private static bool IsThisOrigin(string origin, HostString host) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority.Equals(host.Value, StringComparison.OrdinalIgnoreCase);

    private bool IsOwnName(string name)
    {
        var plain = name.TrimEnd('.');

        // An address is not resolved. Without a name, no browser sent it.
        return plain.Length == 0
            || Uri.CheckHostName(plain) is UriHostNameType.IPv4 or UriHostNameType.IPv6
            || plain.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || _names.Append(host.InstanceName).Contains(plain, StringComparer.OrdinalIgnoreCase);
    }
}
