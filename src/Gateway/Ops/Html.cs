using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Html;

namespace HostService.Gateway.Ops;

/// <summary>HTML from interpolated strings: what is interpolated is encoded, unless it is HTML itself.</summary>
internal static class Html
{
    public static IHtmlContent Of(FormattableString html) => new HtmlFormattableString(html.Format, html.GetArguments());

    public static IHtmlContent Join<T>(IEnumerable<T> items, Func<T, IHtmlContent> html)
    {
        var all = new HtmlContentBuilder();
        foreach (var item in items)
        {
            all.AppendHtml(html(item));
        }

        return all;
    }

    /// <summary>The beginning of a page, with one of the scripts.</summary>
    public static IHtmlContent Head(string title, string script) => Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{title} · host service</title>
        <link rel="icon" type="image/svg+xml" href="/ops/icon.svg">
        <link rel="stylesheet" href="/ops/ops.css">
        <script type="module" src="/ops/{script}"></script>
        </head>
        """);

    /// <summary>A word with a sign of its state: a shape and a colour.</summary>
    public static IHtmlContent Mark(string look, string word) => Of($"<span class=\"mark {look}\"></span> <span>{word}</span>");

    /// <summary>An attribute.</summary>
    public static HtmlString Hidden(bool isHidden) => new(isHidden ? " hidden" : "");

    public static string Sentence(string text) => text.Length == 0 ? "" : $"{char.ToUpperInvariant(text[0])}{text[1..].TrimEnd('.')}.";

    public static string Span(TimeSpan time) => time switch
    {
        { TotalMinutes: < 1 } => $"{Math.Max(0, time.TotalSeconds):0} s",
        { TotalHours: < 1 } => $"{time.TotalMinutes:0} min",
        { TotalDays: < 2 } => $"{time.TotalHours:0} h",
        _ => $"{time.TotalDays:0} d",
    };

    public static string Text(IHtmlContent html)
    {
        using var text = new StringWriter();
        html.WriteTo(text, HtmlEncoder.Default);
        return text.ToString();
    }
}
