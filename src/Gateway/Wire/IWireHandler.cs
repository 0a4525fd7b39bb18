using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Wire;

/// <summary>One endpoint's work, once its body has been read.</summary>
internal interface IWireHandler<in TBody>
    where TBody : class
{
    /// <summary>Authenticates first, then looks at the values, then calls the grains.</summary>
    Task<WireResult> HandleAsync(TBody body, HttpContext context);
}
