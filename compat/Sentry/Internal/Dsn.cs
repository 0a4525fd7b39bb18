namespace Sentry.Internal;

/// <summary>Where to send to, taken apart: <c>scheme://publicKey[:secret]@host[:port][/path]/project</c>.</summary>
internal sealed record Dsn(string PublicKey, string? SecretKey, Uri EnvelopeEndpoint)
{
    public static Dsn Parse(string text)
    {
        var uri = new Uri(text);
        var keys = uri.UserInfo.Split(':');
        if (string.IsNullOrWhiteSpace(keys[0]))
        {
            throw new ArgumentException("Invalid DSN: No public key provided.");
        }

        var lastSlash = uri.AbsolutePath.LastIndexOf('/');
        var project = uri.AbsolutePath[(lastSlash + 1)..];
        if (string.IsNullOrWhiteSpace(project))
        {
            throw new ArgumentException("Invalid DSN: A Project Id is required.");
        }

        var endpoint = new UriBuilder(uri.Scheme, uri.DnsSafeHost, uri.Port, $"{uri.AbsolutePath[..lastSlash]}/api/{project}/envelope/").Uri;
        return new Dsn(keys[0], keys.Length > 1 ? keys[1] : null, endpoint);
    }
}
