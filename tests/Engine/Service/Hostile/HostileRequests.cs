using System.Text;

namespace HostService.Tests.Engine.Service.Hostile;

/// <summary>Requests in HTTP/1.1 as bytes: some that any server can read, and some that none can.</summary>
internal static class HostileRequests
{
    private static readonly (string Method, string Path)[] Wire =
    [
        ("PUT", "/spin_up_mandelbox"), ("PUT", "/spin_up_mandelbox"), ("PUT", "/spin_up_mandelbox"), ("POST", "/drain_and_shutdown"),
        ("PUT", "/set_container_dpi"), ("POST", "/mount_cloud_storage"), ("POST", "/register_docker_container_id"),
        ("POST", "/create_uinput_devices"),
    ];

    private static readonly string[] Methods =
        ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "get", new('X', 2000)];

    private static readonly string[] Paths =
    [
        "/spin_up_mandelbox", "/drain_and_shutdown", "/set_container_dpi", "/mount_cloud_storage", "/register_docker_container_id",
        "/create_uinput_devices", "/v1/host", "/v1/host/drain", "/v1/host/restart", "/v1/mandelboxes", "/v1/mandelboxes/..%2f..%2fetc",
        "/v1/mandelboxes/%00", "/v1/doctor", "/v1/history?limit=-1", "/v1/history?limit=99999999999999999999", "/v1/nothing", "/healthz",
        "/readyz", "/metrics", "/openapi/v1.json", "/dashboard", "/ops", "/ops/mandelboxes/%00", "/", "/%ff%fe", "//",
        "/spin_up_mandelbox/", "/SPIN_UP_MANDELBOX", "/spin_up_mandelbox?a=b#c", "/../../etc/passwd", $"/{new string('a', 5000)}",
    ];

    private static readonly string[] Fields =
    [
        "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Expect: 100-continue", "Expect: nothing", "Upgrade: h2c",
        "Upgrade: websocket\r\nConnection: Upgrade", "Connection: close", "Host: other", "Host:", "Authorization: Bearer a.b.c",
        "Authorization: Basic", "Cookie: \u0001", "Content-Type: text/plain; charset=utf-7", "Content-Encoding: br", " folded: 1", ": nameless",
        "no colon", $"X-Long: {new string('a', 30_000)}", "Range: bytes=0-,0-,0-,0-", "X-Forwarded-For: 127.0.0.1",
    ];

    public static (string Method, string Path) Endpoint(Random random) => random.Next(4) == 0
        ? (Methods[random.Next(Methods.Length)], Paths[random.Next(Paths.Length)])
        : Wire[random.Next(Wire.Length)];

    /// <summary>One whose end any server finds; what it asks for is another thing.</summary>
    public static (string Method, byte[] Bytes) Readable(Random random)
    {
        var (method, path) = Endpoint(random);
        var body = HostileBodies.Next(random, path);
        var head = $"{method} {path} HTTP/1.1\r\nHost: localhost\r\n";
        return (method, random.Next(4) == 0
            ? [.. Encoding.ASCII.GetBytes($"{head}Transfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n"), .. body, .. "\r\n0\r\n\r\n"u8]
            : [.. Encoding.ASCII.GetBytes($"{head}Content-Length: {body.Length}\r\n\r\n"), .. body]);
    }

    /// <summary>One that breaks HTTP, or that is cut off.</summary>
    public static byte[] Broken(Random random)
    {
        var (method, path) = Endpoint(random);
        var body = HostileBodies.Next(random, path);
        var version = random.Next(8) == 0 ? $"HTTP/{random.Next(10)}.{random.Next(10)}" : "HTTP/1.1";
        var head = new StringBuilder($"{method} {path} {version}\r\nHost: localhost\r\n");
        for (var more = random.Next(random.Next(10) == 0 ? 300 : 4); more > 0; more--)
        {
            head.Append(Fields[random.Next(Fields.Length)]).Append("\r\n");
        }

        byte[] request = [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body];
        switch (random.Next(4))
        {
            case 0:
                return request[..random.Next(request.Length)];
            case 1:
                for (var flips = random.Next(1, 20); flips > 0; flips--)
                {
                    request[random.Next(Math.Min(request.Length, 200))] ^= (byte)(1 << random.Next(8));
                }

                return request;
            case 2:
                return [.. request, .. request];
            default:
                return request;
        }
    }

    /// <summary>The beginning of an HTTP/2 connection, then frames of any kind.</summary>
    public static byte[] Frames(Random random)
    {
        using var frames = new MemoryStream();
        frames.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        // An empty SETTINGS.
        frames.Write([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        for (var count = random.Next(1, 30); count > 0; count--)
        {
            var payload = new byte[random.Next(64)];
            random.NextBytes(payload);
            var length = random.Next(10) == 0 ? random.Next(1 << 24) : payload.Length;
            frames.Write([(byte)(length >> 16), (byte)(length >> 8), (byte)length, (byte)random.Next(12), (byte)random.Next(256)]);
            frames.Write([0, 0, 0, (byte)random.Next(8)]);
            frames.Write(payload);
        }

        return frames.ToArray();
    }

    /// <summary>What comes where a TLS handshake should begin.</summary>
    public static byte[] Handshake(Random random)
    {
        switch (random.Next(4))
        {
            case 0:
                var noise = new byte[random.Next(1, 2000)];
                random.NextBytes(noise);
                return noise;
            case 1:
                return Encoding.ASCII.GetBytes("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            case 2:
                return Hello(random, random.Next(4));
            default:
                var hello = Hello(random, 3);
                return hello[..random.Next(hello.Length)];
        }
    }

    /// <summary>A ClientHello of SSL 3.0 (0) to TLS 1.2 (3), with the cipher suites of its time.</summary>
    private static byte[] Hello(Random random, int version)
    {
        var nonce = new byte[32];
        random.NextBytes(nonce);
        byte[] suites = [0xc0, 0x2b, 0xc0, 0x09, 0, 0x2f, 0, 0x0a, 0, 0x05];
        // Groups: P-256. Signatures: ECDSA with SHA-256.
        byte[] extensions = version < 3 ? [] : [0, 18, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
        byte[] hello = [3, (byte)version, .. nonce, 0, 0, (byte)suites.Length, .. suites, 1, 0, .. extensions];
        return [22, 3, (byte)Math.Min(version, 1), 0, (byte)(hello.Length + 4), 1, 0, 0, (byte)hello.Length, .. hello];
    }
}
