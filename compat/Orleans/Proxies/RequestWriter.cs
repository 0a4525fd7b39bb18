using System.Reflection;
using System.Reflection.Emit;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A request class, ready to be made and filled.</summary>
internal sealed record RequestClass(Type Type, ConstructorInfo Constructor, FieldInfo[] Arguments);

/// <summary>Writes the request class of one method: its arguments as fields, and how to call the target with them.</summary>
internal static class RequestWriter
{
    private const MethodAttributes Override = MethodAttributes.Virtual | MethodAttributes.HideBySig | MethodAttributes.Final;
    private const BindingFlags Members = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    public static RequestClass Write(ModuleBuilder module, string name, MethodDescriptor descriptor)
    {
        var method = descriptor.Method;
        var baseType = RequestKinds.BaseFor(method.ReturnType);
        var type = module.DefineType(name, TypeAttributes.Public | TypeAttributes.Sealed | TypeAttributes.Class, baseType);
        var target = type.DefineField("target", method.DeclaringType!, FieldAttributes.Private);
        var arguments = method.GetParameters()
            .Select((p, i) => (FieldInfo)type.DefineField($"arg{i}", p.ParameterType, FieldAttributes.Public)).ToArray();

        WriteTarget(type, target);
        WriteInvoke(type, baseType, method, target, arguments);
        WriteArguments(type, arguments);
        WriteDescription(type);
        if (descriptor.CancellationArgument >= 0)
            WriteCancellation(type, arguments[descriptor.CancellationArgument]);
        WriteDispose(type);

        var constructor = type.DefineDefaultConstructor(MethodAttributes.Public);
        type.CreateType();
        return new RequestClass(type, constructor, arguments);
    }

    private static void WriteTarget(TypeBuilder type, FieldBuilder target)
    {
        var il = Define(type, nameof(RequestBase.GetTarget));
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldfld, target);
        il.Emit(OpCodes.Ret);

        il = Define(type, nameof(RequestBase.SetTarget));
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Callvirt, typeof(ITargetHolder).GetMethod(nameof(ITargetHolder.GetTarget))!);
        il.Emit(OpCodes.Castclass, target.FieldType);
        il.Emit(OpCodes.Stfld, target);
        il.Emit(OpCodes.Ret);
    }

    private static void WriteInvoke(TypeBuilder type, Type baseType, MethodInfo method, FieldBuilder target, FieldInfo[] arguments)
    {
        var builder = type.DefineMethod("InvokeInner", MethodAttributes.Family | Override, method.ReturnType, Type.EmptyTypes);
        var il = builder.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldfld, target);
        foreach (var argument in arguments)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, argument);
        }

        il.Emit(OpCodes.Callvirt, method);
        il.Emit(OpCodes.Ret);
        type.DefineMethodOverride(builder, baseType.GetMethod("InvokeInner", Members)!);
    }

    private static void WriteArguments(TypeBuilder type, FieldInfo[] arguments)
    {
        if (arguments.Length == 0)
            return;
        var il = Define(type, nameof(RequestBase.GetArgumentCount));
        il.Emit(OpCodes.Ldc_I4, arguments.Length);
        il.Emit(OpCodes.Ret);

        il = Define(type, nameof(RequestBase.GetArgument));
        EachArgument(il, arguments, nameof(RequestBase.GetArgument), field =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, field);
            il.Emit(OpCodes.Box, field.FieldType);
        });

        il = Define(type, nameof(RequestBase.SetArgument));
        EachArgument(il, arguments, nameof(RequestBase.SetArgument), field =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldarg_2);
            il.Emit(OpCodes.Unbox_Any, field.FieldType);
            il.Emit(OpCodes.Stfld, field);
        });
    }

    // A jump by index; an index out of range is the base class's to refuse.
    private static void EachArgument(ILGenerator il, FieldInfo[] arguments, string fallback, Action<FieldInfo> emit)
    {
        var labels = arguments.Select(_ => il.DefineLabel()).ToArray();
        var method = typeof(RequestBase).GetMethod(fallback)!;
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Switch, labels);
        for (var i = 0; i <= method.GetParameters().Length; i++)
            il.Emit(OpCodes.Ldarg, i);
        il.Emit(OpCodes.Call, method);
        il.Emit(OpCodes.Ret);
        for (var i = 0; i < labels.Length; i++)
        {
            il.MarkLabel(labels[i]);
            emit(arguments[i]);
            il.Emit(OpCodes.Ret);
        }
    }

    private static void WriteDescription(TypeBuilder type)
    {
        Forward(nameof(RequestBase.GetMethodName), nameof(MethodDescriptor.MethodName));
        Forward(nameof(RequestBase.GetInterfaceName), nameof(MethodDescriptor.InterfaceName));
        Forward(nameof(RequestBase.GetActivityName), nameof(MethodDescriptor.ActivityName));
        Forward(nameof(RequestBase.GetInterfaceType), nameof(MethodDescriptor.InterfaceType));
        Forward(nameof(RequestBase.GetMethod), nameof(MethodDescriptor.Method));
        Forward(nameof(RequestBase.GetDefaultResponseTimeout), nameof(MethodDescriptor.ResponseTimeout));

        void Forward(string method, string property)
        {
            var il = Define(type, method);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Call, typeof(RequestBase).GetProperty(nameof(RequestBase.Descriptor), Members)!.GetMethod!);
            il.Emit(OpCodes.Call, typeof(MethodDescriptor).GetProperty(property, Members)!.GetMethod!);
            il.Emit(OpCodes.Ret);
        }
    }

    private static void WriteCancellation(TypeBuilder type, FieldInfo token)
    {
        var il = Define(type, nameof(RequestBase.GetCancellationToken));
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldfld, token);
        il.Emit(OpCodes.Ret);

        il = Define(type, "get_" + nameof(RequestBase.IsCancellable));
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Ret);
    }

    private static void WriteDispose(TypeBuilder type) => Define(type, nameof(RequestBase.Dispose)).Emit(OpCodes.Ret);

    private static ILGenerator Define(TypeBuilder type, string name)
    {
        var overridden = typeof(RequestBase).GetMethod(name)!;
        var builder = type.DefineMethod(
            name, MethodAttributes.Public | Override, overridden.ReturnType, [.. overridden.GetParameters().Select(p => p.ParameterType)]);
        type.DefineMethodOverride(builder, overridden);
        return builder.GetILGenerator();
    }
}
