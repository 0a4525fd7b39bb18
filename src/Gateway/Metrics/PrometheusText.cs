using System.Globalization;
using System.Text;

namespace HostService.Gateway.Metrics;

/// <summary>Writes Prometheus' text format 0.0.4: families one after the other, each with its help and type once.</summary>
internal sealed class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();
    private string _family = "";

    /// <summary>Begins a family. Type is <c>counter</c>, <c>gauge</c> or <c>histogram</c>.</summary>
    public PrometheusText Family(string name, string type, string help)
    {
        _family = name;
        _text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", "\\\\").Replace("\n", "\\n")).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        return this;
    }

    /// <summary>One sample of the family at hand.</summary>
    public PrometheusText Sample(double value, params ReadOnlySpan<(string Name, string Value)> labels) => Sample(value, Labels(labels));

    /// <summary>One sample with labels as <see cref="Labels"/> made them; a histogram's have a suffix to their name.</summary>
    public PrometheusText Sample(double value, string labels, string suffix = "")
    {
        _text.Append(_family).Append(suffix);
        if (labels.Length > 0)
            _text.Append('{').Append(labels).Append('}');
        _text.Append(' ').Append(Number(value)).Append('\n');
        return this;
    }

    /// <summary>A family of one gauge, left out when the figure is not known.</summary>
    public PrometheusText Gauge(string name, string help, double? value) => value is { } known ? Family(name, "gauge", help).Sample(known) : this;

    public static string Labels(params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length > 0 ? "," : "").Append(Name(name)).Append("=\"");
            text.Append(value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")).Append('"');
        }

        return text.ToString();
    }

    /// <summary>A name as Prometheus allows it.</summary>
    public static string Name(string name)
    {
        var clean = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_'));
        return clean.Length > 0 && char.IsAsciiDigit(clean[0]) ? "_" + clean : clean;
    }

    public static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    public override string ToString() => _text.ToString();
}
