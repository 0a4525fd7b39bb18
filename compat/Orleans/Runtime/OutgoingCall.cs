using System.Reflection;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A call on its way through the outgoing filters.</summary>
internal sealed class OutgoingCall(CallRuntime runtime, GrainReference target, RequestBase request, IOutgoingGrainCallFilter[] filters) : IOutgoingGrainCallContext
{
    private int _stage;

    public IInvokable Request => request;

    public object Grain => target;

    public GrainId? SourceId => SourceContext?.GrainId;

    public IGrainContext? SourceContext { get; } = RuntimeContext.Current;

    public GrainId TargetId => target.GrainId;

    public GrainInterfaceType InterfaceType => target.InterfaceType;

    public string InterfaceName => request.GetInterfaceName();

    public string MethodName => request.GetMethodName();

    public MethodInfo InterfaceMethod => request.GetMethod();

    public object? Result
    {
        get => Response?.Result;
        set => Response = Response.FromResult(value);
    }

    public Response? Response { get; set; }

    public async Task Invoke()
    {
        var stage = _stage++;
        try
        {
            if (stage < filters.Length)
            {
                await filters[stage].Invoke(this);
                if (Response is null)
                    throw new InvalidOperationException($"Filter {filters[stage].GetType()} neither passed the call on nor set its result.");
            }
            else if (stage == filters.Length)
            {
                if (request.IsOneWay)
                {
                    runtime.Send(target, request, null);
                    Response = Response.Completed;
                    return;
                }

                var caller = new FilteredCaller();
                runtime.Send(target, request, caller);
                Response = await caller.Task;
            }
            else
            {
                throw new InvalidOperationException("The call was passed on already.");
            }
        }
        finally
        {
            _stage--;
        }
    }
}
