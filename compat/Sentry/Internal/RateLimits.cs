using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Sentry.Internal;

/// <summary>What the server asked not to be sent for now, by category; the empty category stands for all.</summary>
internal sealed class RateLimits
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, DateTimeOffset> _until = new(StringComparer.OrdinalIgnoreCase);
    private DateTimeOffset _silentUntil;

    /// <summary>Nothing at all may be sent: a 429 that named no category.</summary>
    public bool Silent(DateTimeOffset now)
    {
        lock (_gate)
        {
            return _silentUntil > now;
        }
    }

    public bool Forbids(string category, DateTimeOffset now)
    {
        lock (_gate)
        {
            return Active("", now) || Active(category, now);
        }
    }

    public void Read(HttpResponseMessage response, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (response.Headers.TryGetValues("X-Sentry-Rate-Limits", out var limits))
            {
                foreach (var limit in string.Join(',', limits).Split(','))
                {
                    Set(limit.Split(':'), now);
                }
            }
            else if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                _silentUntil = RetryAfter(response.Headers, now);
            }
        }
    }

    private static DateTimeOffset RetryAfter(HttpResponseHeaders headers, DateTimeOffset now)
    {
        if (headers.RetryAfter is { } header)
        {
            return header.Date ?? now + header.Delta!.Value;
        }

        // Fractions of a second are no valid value of this header, and are sent nevertheless.
        return headers.TryGetValues("Retry-After", out var values)
            && double.TryParse(values.First(), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds)
            ? now + TimeSpan.FromSeconds(seconds)
            : now + TimeSpan.FromSeconds(60);
    }

    private bool Active(string category, DateTimeOffset now) => _until.TryGetValue(category, out var until) && until > now;

    // seconds:category;category:scope:reason
    private void Set(string[] limit, DateTimeOffset now)
    {
        if (limit.Length < 2 || !double.TryParse(limit[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds))
        {
            return;
        }

        var until = now + TimeSpan.FromSeconds(seconds);
        foreach (var category in limit[1].Split(';'))
        {
            var name = category.Trim();
            if (!_until.TryGetValue(name, out var known) || known < until)
            {
                _until[name] = until;
            }
        }
    }
}
