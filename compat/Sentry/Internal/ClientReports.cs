using System.Text.Json;

namespace Sentry.Internal;

/// <summary>Counts what was dropped, so that the server can tell a quiet program from one whose events are lost.</summary>
internal sealed class ClientReports(bool enabled)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Reason, string Category), int> _dropped = [];

    public void Count(string reason, string category, int quantity = 1)
    {
        lock (_gate)
        {
            _dropped[(reason, category)] = _dropped.GetValueOrDefault((reason, category)) + quantity;
        }
    }

    /// <summary>What was counted since the last time, as an item to send along; null when nothing was.</summary>
    public Report? Take()
    {
        lock (_gate)
        {
            if (!enabled || _dropped.Count == 0)
            {
                return null;
            }

            var report = new Report(_dropped.Select(pair => (pair.Key.Reason, pair.Key.Category, pair.Value)).ToArray());
            _dropped.Clear();
            return report;
        }
    }

    /// <summary>The server did not get it: it counts again.</summary>
    public void PutBack(Report report)
    {
        foreach (var (reason, category, quantity) in report.Dropped)
        {
            Count(reason, category, quantity);
        }
    }

    internal sealed record Report(IReadOnlyList<(string Reason, string Category, int Quantity)> Dropped)
    {
        public EnvelopeItem ToItem(DateTimeOffset at) => new("client_report", "internal", JsonSerializer.SerializeToUtf8Bytes(
            new { timestamp = at, discarded_events = Dropped.Select(d => new { reason = d.Reason, category = d.Category, quantity = d.Quantity }) },
            Envelope.Json));
    }
}
