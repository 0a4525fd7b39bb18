using System.Globalization;
using HostService.GrainInterfaces.Fleet;
using Microsoft.AspNetCore.Html;
using static HostService.Gateway.Ops.Html;

namespace HostService.Gateway.Ops;

/// <summary>A fleet on a page. It is complete without script; the script fetches it again from time to time.</summary>
internal sealed class FleetPage(TimeProvider timeProvider)
{
    private const int ChartWidth = 720;
    private const int ChartHeight = 120;

    public IHtmlContent Of(IReadOnlyList<FleetHost> hosts, IReadOnlyList<FleetSample> history, Rollout? rollout)
    {
        var there = hosts.Where(host => host.Away is null).ToList();
        var ready = hosts.Where(host => host.State == FleetHosts.Ready).ToList();
        (string Name, string Value)[] figures =
        [
            ("hosts ready", $"{ready.Count} of {hosts.Count}"),
            ("users", $"{there.Sum(host => host.Report.Mandelboxes.Count)} of {there.Sum(host => host.Report.Capacity)}"),
            ("free", Number(ready.Sum(host => host.Report.Free))),
            ("warm", Number(there.Sum(host => host.Report.Waiting.Values.Sum()))),
        ];
        return Document(Html.Of($"""
            {Top(ready.Count > 0 ? Mark("run", "ready") : Mark("bad", hosts.Count == 0 ? "no host has reported" : "no host is ready"))}
            <dl id="figures" class="figures">{Join(figures, f => Html.Of($"<div><dt>{f.Name}</dt><dd>{f.Value}</dd></div>"))}</dl>
            """), Html.Of($"""
            {(rollout is null ? HtmlString.Empty : RolloutSection(rollout))}
            <section aria-labelledby="hosts-title">
              <h2 id="hosts-title">Hosts</h2>
              <table id="hosts">
                <thead><tr>
                  <th scope="col" class="id">Host</th><th scope="col" class="state">State</th>
                  <th scope="col" class="number">Users</th><th scope="col" class="number">Free</th>
                  <th scope="col" class="number wide">Warm</th><th scope="col" class="wide">GPU</th>
                  <th scope="col" class="wide">Region</th><th scope="col" class="wide">Version</th><th scope="col" class="why wide">Why</th>
                </tr></thead>
                <tbody>{Join(InOrder(hosts), HostRow)}</tbody>
              </table>
              <p class="empty"{Hidden(hosts.Count > 0)}>No host has reported. Its relay says why: journalctl -u host-service-relay</p>
            </section>
            <div class="columns">
              <section aria-labelledby="capacity-title">
                <h2 id="capacity-title">Users and capacity</h2>
                {Chart(history)}
              </section>
              <section aria-labelledby="warm-title">
                <h2 id="warm-title">Warm mandelboxes by app</h2>
                <dl class="pools">{Warm(there)}</dl>
              </section>
            </div>
            """));
    }

    public static IHtmlContent OfSilentFleet() => Document(Top(Mark("bad", "the fleet does not answer")), Html.Of($"""
        <p>A control silo has just died, or the database is away. Sessions go on meanwhile. This page looks again by itself.</p>
        """));

    private static IHtmlContent Document(IHtmlContent top, IHtmlContent main) => Html.Of($"""
        {Head("fleet", "fleet.js")}
        <body data-page="fleet">
        <header class="top" id="top">{top}</header>
        <p id="connection" class="notice" role="status" hidden></p>
        <main id="fleet">{main}</main>
        </body>
        </html>

        """);

    private static IHtmlContent Top(IHtmlContent state) => Html.Of($"""
        <div class="bar">
          <h1><a href="/ops">host-service fleet</a></h1>
          <p id="readiness">{state}</p>
        </div>
        """);

    /// <summary>Those that need somebody first.</summary>
    private static IEnumerable<FleetHost> InOrder(IReadOnlyList<FleetHost> hosts) =>
        hosts.OrderBy(host => host.State == FleetHosts.Ready).ThenBy(host => host.Report.Host, StringComparer.Ordinal);

    private IHtmlContent HostRow(FleetHost host)
    {
        var report = host.Report;
        var name = report.Page.Length > 0 ? Html.Of($"<a href=\"{report.Page}\">{report.Host}</a>") : Html.Of($"{report.Host}");
        var why = Why(host);
        return Html.Of($"""
            <tr data-key="{report.Host}">
              <th scope="row" title="{report.Host}">{name}<span class="narrow quiet">{why}</span></th>
              <td class="state">{State(host)}</td>
              <td class="number">{report.Mandelboxes.Count}</td>
              <td class="number">{report.Free} of {report.Capacity}</td>
              <td class="number wide">{report.Waiting.Values.Sum()}</td>
              <td class="wide">{string.Join(", ", report.GpuKinds)}</td>
              <td class="wide">{report.Region}</td>
              <td class="wide" title="{report.Version}">{report.Version}</td>
              <td class="why wide">{why}</td>
            </tr>

            """);
    }

    private string Why(FleetHost host) => Sentence(host switch
    {
        { Away: { } away } => $"{away}, for {Html.Span(timeProvider.GetUtcNow() - host.ReportedAt)}",
        { Report.Upgrade: { Fault: { } fault } upgrade } => $"the upgrade to {upgrade.Version} failed: {fault}",
        { Report.Upgrade: { IsEnded: false } upgrade } => $"being upgraded to {upgrade.Version}",
        _ => string.Join("; ", host.Report.NotReady),
    });

    private static IHtmlContent State(FleetHost host) => host.State switch
    {
        FleetHosts.Ready => Mark("run", "ready"),
        FleetHosts.Away => Mark("bad", "away"),
        FleetHosts.Lost => Mark("bad", "lost"),
        FleetHosts.NotReady => Mark("bad", "not ready"),
        var other when host.Report.Status == HostStatus.Starting => Mark("start", other),
        var other => Mark("dying", other),
    };

    private static IHtmlContent Warm(IReadOnlyList<FleetHost> hosts)
    {
        var apps = hosts.SelectMany(host => host.Report.Waiting).Where(app => app.Value > 0).GroupBy(app => app.Key, StringComparer.Ordinal)
            .OrderBy(app => app.Key, StringComparer.Ordinal).ToList();
        return apps.Count == 0
            ? Html.Of($"<div><dt>None waits for a user.</dt><dd></dd></div>")
            : Join(apps, app => Html.Of($"<div><dt>{app.Key}</dt><dd>{app.Sum(host => host.Value)} on {app.Count()}</dd></div>"));
    }

    private static IHtmlContent RolloutSection(Rollout rollout)
    {
        var (look, word) = rollout.State switch
        {
            RolloutState.Running => ("start", "running"),
            RolloutState.Halted => ("bad", "halted"),
            RolloutState.Done => ("run", "done"),
            _ => ("gone", "aborted"),
        };
        var counts = Enum.GetValues<RolloutHostState>()
            .Select(state => (Name: MetricLabels.Of(state).Replace('_', ' '), Count: rollout.Hosts.Count(host => host.State == state)))
            .Where(state => state.Count > 0);
        return Html.Of($"""
            <section id="rollout" aria-labelledby="rollout-title">
              <h2 id="rollout-title">Rollout of {rollout.Version}</h2>
              <p>{Mark(look, word)}: {string.Join(", ", counts.Select(state => $"{state.Count} {state.Name}"))}.</p>
              <p{Hidden(rollout.Why is null)}>{rollout.Why}</p>
              <p{Hidden(rollout.State != RolloutState.Halted)}>
                To go on: <code>host-service fleet rollout --resume</code>, or <code>--abort</code>.
              </p>
            </section>
            """);
    }

    private static IHtmlContent Chart(IReadOnlyList<FleetSample> history)
    {
        if (history.Count < 2)
        {
            return Html.Of($"<p class=\"empty\">There is one sample each half minute.</p>");
        }

        var (first, last) = (history[0], history[^1]);
        var most = Math.Max(1, history.Max(sample => Math.Max(sample.Capacity, sample.Users)));
        var length = Math.Max(1, (last.At - first.At).TotalSeconds);
        double X(FleetSample sample) => (sample.At - first.At).TotalSeconds / length * ChartWidth;
        double Y(int value) => ChartHeight - 1 - ((double)value / most * (ChartHeight - 2));
        string Line(Func<FleetSample, int> value) => string.Join(
            ' ', history.Select(sample => string.Create(CultureInfo.InvariantCulture, $"{X(sample):0.#},{Y(value(sample)):0.#}")));
        var says = $"Over {Html.Span(last.At - first.At)}: "
            + $"users from {history.Min(s => s.Users)} to {history.Max(s => s.Users)}, now {last.Users}; "
            + $"capacity from {history.Min(s => s.Capacity)} to {history.Max(s => s.Capacity)}, now {last.Capacity}.";
        return Html.Of($"""
            <svg class="lines" viewBox="0 0 {ChartWidth} {ChartHeight}" preserveAspectRatio="none" role="img" aria-label="{says}">
              <polyline class="capacity" points="{Line(sample => sample.Capacity)}"/>
              <polyline class="users" points="{Line(sample => sample.Users)}"/>
            </svg>
            <p class="quiet">{says}</p>
            """);
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
