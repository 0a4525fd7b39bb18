using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.Extensions.Options;
using Orleans.Runtime;

namespace Orleans.Dashboard;

/// <summary>One grain class: how many activations, and how its calls fare.</summary>
internal sealed record GrainFigures(string GrainClass, int Activations, long Calls, double CallsPerSecond, double MeanMilliseconds, long Errors, MethodRow[] Methods);

/// <summary>One method of it.</summary>
internal sealed record MethodRow(string Method, long Calls, double CallsPerSecond, double MeanMilliseconds, long Errors);

/// <summary>Draws the figures.</summary>
internal sealed class DashboardPage(SiloRuntime silo, IOptions<DashboardOptions> options)
{
    public GrainFigures[] Figures()
    {
        var activations = silo.Activations.GroupBy(a => a.Class.Type).ToDictionary(g => g.Key, g => g.Count());
        var methods = silo.Profiler.Figures.ToLookup(f => f.Class);
        return [.. activations.Keys.Union(methods.Select(m => m.Key)).OrderBy(t => t.FullName, StringComparer.Ordinal)
            .Select(type => Of(type, activations.GetValueOrDefault(type), methods[type]))];
    }

    public string Html()
    {
        var page = new StringBuilder();
        page.Append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Orleans</title>");
        page.Append(CultureInfo.InvariantCulture, $"<meta http-equiv=\"refresh\" content=\"{Math.Max(1, options.Value.CounterUpdateIntervalMs / 1000)}\">");
        page.Append("<style>body{font:14px system-ui;margin:2em}table{border-collapse:collapse}td,th{padding:.3em .8em;text-align:right;border-bottom:1px solid #ccc}");
        page.Append("td:first-child,th:first-child{text-align:left}tr.method td:first-child{padding-left:2em;color:#555}</style></head><body>");
        page.Append(CultureInfo.InvariantCulture, $"<h1>{Text(silo.Name)}</h1><p>{silo.Activations.Count} activations</p>");
        page.Append("<table><tr><th>Grain</th><th>Activations</th><th>Calls</th><th>Calls/s</th><th>Mean ms</th><th>Errors</th></tr>");
        foreach (var grain in Figures())
        {
            Row(page, "", grain.GrainClass, grain.Activations.ToString(CultureInfo.InvariantCulture), grain.Calls, grain.CallsPerSecond, grain.MeanMilliseconds, grain.Errors);
            foreach (var method in grain.Methods)
                Row(page, " class=\"method\"", method.Method, "", method.Calls, method.CallsPerSecond, method.MeanMilliseconds, method.Errors);
        }

        return page.Append("</table></body></html>").ToString();
    }

    private static void Row(StringBuilder page, string attributes, string name, string activations, long calls, double perSecond, double mean, long errors) =>
        page.Append(
            CultureInfo.InvariantCulture,
            $"<tr{attributes}><td>{Text(name)}</td><td>{activations}</td><td>{calls}</td><td>{perSecond:0.0}</td><td>{mean:0.000}</td><td>{errors}</td></tr>");

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static GrainFigures Of(Type type, int activations, IEnumerable<MethodFigures> figures)
    {
        var rows = figures.Select(f => (f.Method, Read: f.Read()))
            .Select(f => new MethodRow(f.Method, f.Read.Calls, f.Read.PerSecond, f.Read.Mean.TotalMilliseconds, f.Read.Failures))
            .OrderBy(r => r.Method, StringComparer.Ordinal).ToArray();
        var calls = rows.Sum(r => r.Calls);
        return new GrainFigures(
            type.FullName ?? type.Name, activations, calls, rows.Sum(r => r.CallsPerSecond),
            calls == 0 ? 0 : rows.Sum(r => r.MeanMilliseconds * r.Calls) / calls, rows.Sum(r => r.Errors), rows);
    }
}
