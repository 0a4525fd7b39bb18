using System.Globalization;
using HostService.Gateway.Operator;
using Microsoft.AspNetCore.Html;
using static HostService.Gateway.Ops.Html;

namespace HostService.Gateway.Ops;

/// <summary>
/// The first view of each page, complete without script. The script then finds its places by their ids and keeps them up to date.
/// </summary>
internal sealed class OpsPage(IHostName hostName, TimeProvider timeProvider)
{
    private const double KbPerGb = 1024 * 1024;
    private const string Silent = "The host does not answer.";

    public IHtmlContent OfHost(HostDescription host, IReadOnlyList<MandelboxDescription> mandelboxes, bool hasDashboard)
    {
        var reasons = Readiness.Reasons(host);
        return Document(hostName.InstanceName, Html.Of($"data-page=\"host\""), Html.Of($"""
            <header class="top">
              <div class="bar">
                <h1><a href="/ops">host-service</a></h1>
                <p id="identity">{Identity(host)}</p>
                <p id="readiness">{(reasons.Count == 0 ? Mark("run", "ready") : Mark("bad", "not ready"))}</p>
                <p id="uptime">up {Age(host.StartedAt)}</p>
                <p id="version" title="{host.Version}">{ShortVersion(host.Version)}</p>
                {Dashboard(hasDashboard)}
              </div>
              {Health(reasons, Figures(host))}
            </header>
            {Notices}
            <main class="host">
              <div class="side">
                {Side(host)}
              </div>
              <div class="lists">
                {Lists(mandelboxes)}
              </div>
            </main>
            {Events("events-title", "feed")}
            """));
    }

    public IHtmlContent OfSilentHost(bool hasDashboard) => Document(hostName.InstanceName, Html.Of($"data-page=\"host\""), Html.Of($"""
        <header class="top">
          <div class="bar">
            <h1><a href="/ops">host-service</a></h1>
            <p id="identity">{hostName.InstanceName}</p>
            <p id="readiness">{Mark("bad", "not ready")}</p>
            <p id="uptime"></p>
            <p id="version"></p>
            {Dashboard(hasDashboard)}
          </div>
          {Health([Silent], HtmlString.Empty)}
        </header>
        {Notices}
        <main class="host">
          <div class="side">
            {Side(null)}
          </div>
          <div class="lists">
            {Lists(null)}
          </div>
        </main>
        {Events("events-title", "feed")}
        """));

    public IHtmlContent OfMandelbox(MandelboxDescription mandelbox) => OneMandelbox(mandelbox.MandelboxId, Html.Of($"""
        <div class="title">
          <p id="state">{State(mandelbox)} since {Time(mandelbox.Since)}</p>
          <p><button type="button" id="stop" hidden>Stop…</button></p>
        </div>
        <p id="end">{End(mandelbox)}</p>
        """), Html.Of($"""
        <section aria-labelledby="facts-title">
          <h2 id="facts-title">What it is and holds</h2>
          <dl id="facts" class="facts">{Facts(mandelbox)}</dl>
        </section>
        """));

    public IHtmlContent OfSilentMandelbox(string id) => OneMandelbox(id, Html.Of($"""
        <div class="title">
          <p id="state">{Silent}</p>
          <p><button type="button" id="stop" hidden>Stop…</button></p>
        </div>
        <p id="end"></p>
        """), Html.Of($"""
        <section aria-labelledby="facts-title">
          <h2 id="facts-title">What it is and holds</h2>
          <dl id="facts" class="facts"></dl>
        </section>
        """));

    public IHtmlContent OfNoMandelbox(string id) => Document(id, Html.Of($"data-page=\"none\""), Html.Of($"""
        {BackToHost}
        <main class="mandelbox">
          <h1 class="id">{id}</h1>
          <p>There is no such mandelbox on this host. It keeps the last {MandelboxHistory.Length} that have gone.</p>
        </main>
        """));

    private IHtmlContent OneMandelbox(string id, IHtmlContent state, IHtmlContent facts) => Document(
        id, Html.Of($"data-page=\"mandelbox\" data-mandelbox=\"{id}\""), Html.Of($"""
        {BackToHost}
        {Notices}
        <main class="mandelbox">
          <h1 class="id">{id}</h1>
          {state}
          {facts}
          <section id="timeline-section" aria-labelledby="timeline-title" hidden>
            <h2 id="timeline-title">Timeline</h2>
            <div id="timeline"></div>
          </section>
          {Events("events-title", "feed")}
          <section id="logs-section" aria-labelledby="logs-title" hidden>
            <h2 id="logs-title">Its last output</h2>
            <pre id="logs" tabindex="0" aria-labelledby="logs-title"></pre>
          </section>
        </main>
        """));

    private static IHtmlContent Document(string title, IHtmlContent data, IHtmlContent body) => Html.Of($"""
        {Html.Head(title, "ops.js")}
        <body {data}>
        {body}
        <dialog id="question" aria-labelledby="question-title">
          <form method="dialog">
            <h2 id="question-title"></h2>
            <p id="question-text"></p>
            <p><label id="question-option" hidden><input type="checkbox"> <span></span></label></p>
            <p class="answers">
              <button value="no" autofocus>Cancel</button>
              <button value="yes" id="question-yes" class="strong"></button>
            </p>
          </form>
        </dialog>
        </body>
        </html>

        """);

    private IHtmlContent BackToHost => Html.Of($"""
        <header class="top">
          <div class="bar">
            <p><a href="/ops" id="back">← {hostName.InstanceName}</a></p>
          </div>
        </header>
        """);

    private static IHtmlContent Notices => Html.Of($"""
        <p id="connection" class="notice" role="status" hidden></p>
        <p id="notice" class="notice" role="alert" hidden></p>
        """);

    private static IHtmlContent Dashboard(bool isThere) =>
        isThere ? Html.Of($"<p class=\"far\"><a href=\"/dashboard\">Orleans dashboard</a></p>") : HtmlString.Empty;

    /// <summary>The figures, or what is wrong: the script shows one of the two.</summary>
    private static IHtmlContent Health(IReadOnlyList<string> reasons, IHtmlContent figures) => Html.Of($"""
        <div class="health">
          <div id="reasons"{Hidden(reasons.Count == 0)}>
            <ul>{Html.Join(reasons, reason => Html.Of($"<li>{Sentence(reason)}</li>"))}</ul>
            <p>To try: <code>host-service doctor</code> on the host says what to do.</p>
          </div>
          <dl id="figures" class="figures"{Hidden(reasons.Count > 0)}>{figures}</dl>
          <p id="actions" class="actions" hidden></p>
        </div>
        <section id="doctor" aria-label="Checks of the host" hidden></section>
        """);

    private static IHtmlContent Figures(HostDescription host)
    {
        var machine = host.Metrics;
        (string Name, string? Value)[] figures =
        [
            ("in use", $"{host.Slots.Used} of {host.Slots.Capacity}"),
            ("GPU", Percent(machine?.GpuPercent)),
            ("CPU", Percent(machine?.CpuPercent)),
            ("memory", Memory(machine)),
            ("disk", Percent(machine?.DiskUsedPercent)),
            ("load", machine?.Load1?.ToString("0.0#", CultureInfo.InvariantCulture)),
        ];
        return Html.Join(
            figures.Where(f => f.Value is not null), f => Html.Of($"<div><dt>{f.Name}</dt><dd>{f.Value}</dd></div>"));
    }

    private static IHtmlContent Side(HostDescription? host) => Html.Of($"""
        <section id="ttys-section" aria-labelledby="ttys-title" hidden>
          <h2 id="ttys-title">TTYs</h2>
          <ul id="ttys-legend" class="legend"></ul>
          <ol id="ttys" class="ttys"></ol>
        </section>
        <section aria-labelledby="gpus-title">
          <h2 id="gpus-title">GPUs</h2>
          <ul id="gpus" class="gpus">{Gpus(host)}</ul>
        </section>
        <section aria-labelledby="pools-title">
          <h2 id="pools-title">Pools</h2>
          <dl id="pools" class="pools">{Pools(host)}</dl>
        </section>
        <section aria-labelledby="queue-title">
          <h2 id="queue-title">Queue</h2>
          <ol id="queue" class="queue">{Queue(host)}</ol>
        </section>
        """);

    private static IHtmlContent Gpus(HostDescription? host) => host?.Gpus is not { Count: > 0 } gpus
        ? Html.Of($"<li class=\"empty\">None: slots are on the CPU.</li>")
        : Html.Join(gpus, gpu => Html.Of($"""
            <li>{Mark(gpu.Unhealthy is null ? "run" : "bad", $"GPU {gpu.Index}")} {gpu.Name}, {gpu.Used} in use{(
                gpu.Unhealthy is { } why ? $", out of service: {why}" : "")}</li>
            """));

    private static IHtmlContent Pools(HostDescription? host)
    {
        if (host is null)
        {
            return HtmlString.Empty;
        }

        // Of sandboxes and of those that wait, what is used is not ready.
        (string Name, int? Count, int? Of)[] pools =
        [
            ("slots in use", host.Slots.Used, host.Slots.Capacity),
            ("TTYs in use", host.Ttys.Used, host.Ttys.Capacity),
            ("sandboxes ready", host.Sandboxes?.Free, host.Sandboxes?.Capacity),
            ("warm", host.Waiting?.Free, host.Waiting?.Capacity),
        ];
        return Html.Join(
            pools.Where(p => p.Of is not null), p => Html.Of($"<div><dt>{p.Name}</dt><dd>{p.Count} of {p.Of}</dd></div>"));
    }

    private static IHtmlContent Queue(HostDescription? host) => host?.Queue is { Count: > 0 } queue
        ? Html.Join(queue, id => Html.Of($"<li><a href=\"{Link(id)}\">{id}</a></li>"))
        : Html.Of($"<li class=\"empty\">Nobody waits.</li>");

    private IHtmlContent Lists(IReadOnlyList<MandelboxDescription>? mandelboxes) => Html.Of($"""
        <section aria-labelledby="mandelboxes-title">
          <div class="title">
            <h2 id="mandelboxes-title">Mandelboxes</h2>
            <p id="search-field" hidden><label for="search">Search</label>
              <input type="search" id="search" placeholder="app, user, id, container  ( / )" autocomplete="off" spellcheck="false"></p>
          </div>
          <table id="mandelboxes">
            <thead><tr>
              <th scope="col" data-sort="id" class="id">Id</th><th scope="col" data-sort="app" class="wide">App</th>
              <th scope="col" data-sort="user" class="user wide">User</th><th scope="col" data-sort="state" class="state">State</th>
              <th scope="col" data-sort="age" class="number age">Age</th><th scope="col" data-sort="tty" class="number tty wide">TTY</th>
              <th scope="col" data-sort="start" class="start wide">Start</th>
              <th scope="col" class="action"><span class="hide">Actions</span></th>
            </tr></thead>
            <tbody>{Html.Join(InOrder(mandelboxes ?? []), Row)}</tbody>
          </table>
          <p id="mandelboxes-empty" class="empty"{Hidden(mandelboxes is null or { Count: > 0 })}>No mandelboxes: nobody is on this host.</p>
        </section>
        <section id="gone-section" aria-labelledby="gone-title" hidden>
          <h2 id="gone-title">Gone</h2>
          <table id="gone">
            <thead><tr>
              <th scope="col" class="id">Id</th><th scope="col" class="wide">App</th><th scope="col" class="user wide">User</th>
              <th scope="col" class="number ended">Ended</th><th scope="col" class="number lasted wide">Lasted</th>
              <th scope="col" class="why">Why</th>
            </tr></thead>
            <tbody></tbody>
          </table>
          <p id="gone-empty" class="empty" hidden>None has gone.</p>
          <p><button type="button" id="gone-more" hidden></button></p>
        </section>
        """);

    private static string ShortApp(string? app) => app is { Length: > 0 } ? app.Split('/')[^1] : "-";

    private static string ShortId(string id)
    {
        // Those that wait for users all begin alike.
        const string Common = "host-service-";
        var own = id.StartsWith(Common, StringComparison.Ordinal) ? id[Common.Length..] : id;
        return own.Length > 16 ? $"{own[..8]}…{own[^4..]}" : own;
    }

    /// <summary>The youngest first, as the script shows them at first.</summary>
    private static IEnumerable<MandelboxDescription> InOrder(IEnumerable<MandelboxDescription> mandelboxes) =>
        mandelboxes.OrderByDescending(m => m.CreatedAt).ThenBy(m => m.MandelboxId, StringComparer.Ordinal);

    private IHtmlContent Row(MandelboxDescription mandelbox) => Html.Of($"""
        <tr data-key="{mandelbox.MandelboxId}">
          <th scope="row"><a href="{Link(mandelbox.MandelboxId)}" title="{mandelbox.MandelboxId}">{ShortId(mandelbox.MandelboxId)}</a>
            <span class="narrow quiet">{ShortApp(mandelbox.AppName)} · {ShortUser(mandelbox.UserId)}</span></th>
          <td class="wide app" title="{mandelbox.AppName}">{ShortApp(mandelbox.AppName)}</td>
          <td class="wide user" title="{mandelbox.UserId}">{ShortUser(mandelbox.UserId)}</td>
          <td class="state">{State(mandelbox)}</td>
          <td class="number">{Age(mandelbox.CreatedAt)}</td>
          <td class="number wide">{mandelbox.Lease?.Tty.ToString(CultureInfo.InvariantCulture) ?? "-"}</td>
          <td class="wide start">{mandelbox.Step}</td>
          <td class="action"></td>
        </tr>

        """);

    private static IHtmlContent Facts(MandelboxDescription mandelbox)
    {
        var lease = mandelbox.Lease;
        (string Name, string? Value)[] facts =
        [
            ("app", mandelbox.AppName),
            ("user", mandelbox.UserId),
            ("session", mandelbox.SessionId?.ToString(CultureInfo.InvariantCulture)),
            ("requested", Time(mandelbox.CreatedAt)),
            ("container", mandelbox.ContainerId),
            ("TTY", lease?.Tty.ToString(CultureInfo.InvariantCulture)),
            ("GPU", lease is null ? null : lease.GpuIndex < 0 ? "none" : lease.GpuIndex.ToString(CultureInfo.InvariantCulture)),
            ("ports", lease is null ? null : string.Join(
                ", ", lease.Ports.Select(p => $"{p.HostPort} → {p.MandelboxPort}/{p.Transport.ToString().ToLowerInvariant()}"))),
            ("sandbox", lease?.Sandbox),
            ("step", mandelbox.Step),
            ("warnings", mandelbox.Warnings.Count == 0 ? null : string.Join("; ", mandelbox.Warnings)),
        ];
        return Html.Join(
            facts.Where(f => f.Value is not null), f => Html.Of($"<div><dt>{f.Name}</dt><dd>{f.Value}</dd></div>"));
    }

    private static IHtmlContent Events(string title, string list) => Html.Of($"""
        <section id="events-section" class="events" aria-labelledby="{title}" hidden>
          <div class="title">
            <h2 id="{title}">Events</h2>
            <p><button type="button" id="pause">Pause</button></p>
          </div>
          <ol id="{list}" class="feed" tabindex="0" aria-labelledby="{title}"></ol>
        </section>
        """);

    private static IHtmlContent State(MandelboxDescription mandelbox) => mandelbox.State switch
    {
        MandelboxState.Running => Mark("run", "running"),
        MandelboxState.Waiting => Mark("warm", "warm"),
        MandelboxState.Dying => Mark("dying", "dying"),
        MandelboxState.Gone => Mark("gone", "gone"),
        _ when mandelbox.QueuePlace is { } place => Mark("start", $"queued, place {place}"),
        _ => Mark("start", "starting"),
    };

    private static string End(MandelboxDescription mandelbox) =>
        mandelbox.EndCause is { } cause ? Sentence($"{cause}: {mandelbox.EndReason}") : "";

    private static string Identity(HostDescription host) => string.Join(
        " · ",
        new[] { host.Identity.InstanceName, host.Identity.InstanceId, host.Identity.InstanceType, host.Identity.Region, host.Environment }
            .Where(part => part.Length > 0).Distinct(StringComparer.Ordinal));

    private static string ShortVersion(string version)
    {
        const string Name = "host-service ";
        return version.StartsWith(Name, StringComparison.Ordinal) ? version[Name.Length..] : version;
    }

    /// <summary>Enough to tell two users apart: lists are looked at by more people than one user's page is.</summary>
    internal static string ShortUser(string? user) => user switch
    {
        null or "" => "-",
        _ when user.IndexOf('@', StringComparison.Ordinal) is > 0 and var at => $"{user[0]}…{user[at..]}",
        { Length: > 8 } => $"{user[..3]}…{user[^4..]}",
        _ => $"{user[0]}…",
    };

    private static string Link(string id) => $"/ops/mandelboxes/{Uri.EscapeDataString(id)}";

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    private static string? Percent(double? value) => value is { } known ? $"{known:0} %" : null;

    private static string? Memory(MachineFigures? machine) => machine is { TotalMemoryKb: { } total, AvailableMemoryKb: { } available }
        ? $"{(total - available) / KbPerGb:0.0} of {total / KbPerGb:0} GB"
        : null;

    private string Age(DateTimeOffset since) => Html.Span(timeProvider.GetUtcNow() - since);
}
