using System.Text;
using System.Text.Json;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service.Hostile;

/// <summary>Bodies that no caller of ours sends: right ones with wrong values, damaged ones, huge ones, and noise.</summary>
internal static class HostileBodies
{
    private static readonly string[] Values =
    [
        "\"bad\"", "\"0123456789\"", "1", "96", "\"dropbox\"", "null", "true", "-1", "1.5", "1e400", "18446744073709551616", "65536", "[]",
        "{}", "[[[[1]]]]", "\"\"", "\"..\"",
        "\"../../etc/passwd\"", "\"a/b\"", "\"a\\u0000b\"", "\"a\\nb\"", "\"\\ud800\"", "\"host-service-warmup\"", "\"temp\"", "\"-rf\"",
        "\"$(id)\"", "\"%2e%2e\"",
        $"\"{new string('a', 10_240)}\"", new string('9', 10_240), $"\"{string.Concat(Enumerable.Repeat("../", 3000))}\"", "tru", "\"", "", "NaN",
    ];

    /// <summary>A body for this path. Its app never has an image, so that nothing may come up.</summary>
    public static byte[] Next(Random random, string path)
    {
        var body = Encoding.UTF8.GetBytes(NearlyRight(random, path));
        switch (random.Next(16))
        {
            case 0:
                return body[..random.Next(body.Length)];
            case 1:
                random.NextBytes(body.AsSpan(random.Next(body.Length)));
                return body;
            case 2:
                return [.. body, .. body];
            case 3:
                return Encoding.UTF8.GetBytes(Nested(random.Next(1, 20_000), random.Next(2) == 0));
            case 4:
                return [.. body[..^1], .. ",\"session_id\":"u8, .. Encoding.ASCII.GetBytes(new string('7', random.Next(1, 50_000))), (byte)'}'];
            case 5:
                return [.. "\uFEFF"u8, .. body];
            case 6:
                return Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(body));
            case 7 when random.Next(20) == 0:
                return new byte[random.Next((1 << 20) - 100, (1 << 20) + 100)];
            case < 12:
                for (var flips = random.Next(1, 9); flips > 0; flips--)
                {
                    body[random.Next(body.Length)] ^= (byte)(1 << random.Next(8));
                }

                return body;
            default:
                return body;
        }
    }

    private static string NearlyRight(Random random, string path)
    {
        var fields = new Dictionary<string, string>
        {
            ["app_name"] = "\"mandelboxes/nowhere\"",
            ["config_encryption_token"] = "\"0123456789\"",
            ["jwt_access_token"] = "\"\"",
            ["mandelbox_id"] = $"\"random-{random.Next(50)}\"",
            ["session_id"] = "1",
            ["host_port"] = "30001",
            ["dpi"] = "96",
            ["provider"] = "\"dropbox\"",
            ["docker_id"] = $"\"{new string('a', 64)}\"",
            ["fractal_id"] = "\"random\"",
            // The right one anywhere but where it ends the service.
            ["auth_secret"] = path == "/drain_and_shutdown" ? "\"wrong\"" : JsonSerializer.Serialize(ServiceProcess.Secret),
        };
        for (var wrong = random.Next(4); wrong > 0; wrong--)
        {
            fields[fields.Keys.ElementAt(random.Next(1, fields.Count))] = Values[random.Next(Values.Length)];
        }

        return $"{{{string.Join(',', fields.Select(field => $"\"{field.Key}\":{field.Value}"))}}}";
    }

    private static string Nested(int depth, bool ends) => string.Concat(Enumerable.Repeat("{\"a\":[", depth))
        + (ends ? string.Concat(Enumerable.Repeat("]}", depth)) : "");
}
