using Microsoft.AspNetCore.Http;

namespace HostService.Gateway.Operator;

/// <summary>What can be wrong with an operator's request (RFC 9457).</summary>
internal static class Problems
{
    public static IResult BadRequest(string fault) => Results.Problem($"The {fault}.", statusCode: StatusCodes.Status400BadRequest);

    /// <param name="id">One that no mandelbox of this host can have.</param>
    public static IResult BadId(string id) => BadRequest(MandelboxIds.Fault(id, "id")!);

    public static IResult OtherOrigin(string refusal) => Results.Problem(refusal, statusCode: StatusCodes.Status403Forbidden);

    public static IResult NoMandelbox() =>
        Results.Problem("There is no such mandelbox on this host.", statusCode: StatusCodes.Status404NotFound);

    public static IResult NoSuchPath() =>
        Results.Problem("There is nothing at this path; /openapi/v1.json lists what there is.", statusCode: StatusCodes.Status404NotFound);

    public static IResult NotReady(IReadOnlyList<string> reasons) => Results.Problem(
        string.Join(" ", reasons),
        statusCode: StatusCodes.Status503ServiceUnavailable,
        extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["reasons"] = reasons });
}
