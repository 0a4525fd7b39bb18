using System.Reflection;
using System.Runtime.ExceptionServices;
using Orleans.Serialization;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A call on its way through the incoming filters, the silo's first and the grain's own last.</summary>
internal sealed class IncomingCall(Activation activation, RequestBase request, IIncomingGrainCallFilter[] filters) : IIncomingGrainCallContext
{
    private int _stage;

    public IInvokable Request => request;

    public object Grain => activation.GrainInstance!;

    public GrainId? SourceId => request.Source?.GrainId;

    public GrainId TargetId => activation.GrainId;

    public IGrainContext TargetContext => activation;

    public GrainInterfaceType InterfaceType => request.InterfaceType;

    public string InterfaceName => request.GetInterfaceName();

    public string MethodName => request.GetMethodName();

    public MethodInfo InterfaceMethod => request.GetMethod();

    public MethodInfo ImplementationMethod => activation.Class.Implementation(Grain.GetType(), InterfaceMethod);

    public object? Result
    {
        get => Response is { Exception: null } response ? response.Result : null;
        set => Response = Response.FromResult(value);
    }

    public Response? Response { get; set; }

    public async Task Invoke()
    {
        var stage = _stage++;
        try
        {
            if (stage < filters.Length)
                await Pass(filters[stage]);
            else if (stage == filters.Length && Grain is IIncomingGrainCallFilter own)
                await Pass(own);
            else if (stage == filters.Length || (stage == filters.Length + 1 && Grain is IIncomingGrainCallFilter))
                await Run();
            else
                throw new InvalidOperationException("The call was passed on already.");
        }
        finally
        {
            _stage--;
        }
    }

    private async Task Pass(IIncomingGrainCallFilter filter)
    {
        await filter.Invoke(this);
        if (Response is null)
            throw new InvalidOperationException($"Filter {filter.GetType()} neither passed the call on nor set its result.");
    }

    private async Task Run()
    {
        Response = await request.Invoke();
        if (Response.Exception is { } exception)
            ExceptionDispatchInfo.Throw(exception);
        if (Response is not CompletedResponse)
            Response = CopyOf(Response);
    }

    private static Response CopyOf(Response response)
    {
        if (response.Result is { } result && !Copiers.IsShallow(result.GetType()))
            response.Result = Copier<object>.Copy(result);
        return response;
    }
}
