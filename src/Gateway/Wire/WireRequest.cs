using System.Reflection;
using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary>The argument of an endpoint: body and sender. <see cref="WireFilter{TBody}"/> fills it in before the endpoint runs.</summary>
internal sealed class WireRequest<TBody> : IBindableFromHttpContext<WireRequest<TBody>>
    where TBody : class
{
    public TBody Body { get; set; } = null!;

    /// <summary>The user's id, or "backend".</summary>
    public string CallerId { get; set; } = "";

    /// <summary>Binds nothing. The filter reads the body, so that it can answer when reading fails.</summary>
    public static ValueTask<WireRequest<TBody>?> BindAsync(HttpContext context, ParameterInfo parameter) => new(new WireRequest<TBody>());
}
