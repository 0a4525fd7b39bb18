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

    public static string Text(IHtmlContent html)
    {
        using var text = new StringWriter();
        html.WriteTo(text, HtmlEncoder.Default);
        return text.ToString();
    }
}
