using Orleans.CodeGeneration;
using Orleans.Serialization.Invocation;

namespace Orleans.CodeGeneration
{
    /// <summary>How a method's calls are handled.</summary>
    [Flags]
    [GenerateSerializer]
    public enum InvokeMethodOptions
    {
        None = 0,
        OneWay = 1 << 0,
        ReadOnly = 1 << 1,
        AlwaysInterleave = 1 << 2,
        Unordered = 1 << 3,
    }
}

namespace Orleans.Runtime
{
    /// <summary>A call to a grain.</summary>
    public interface IRequest : IInvokable
    {
        InvokeMethodOptions Options { get; }

        void AddInvokeMethodOptions(InvokeMethodOptions options);
    }
}
